"""OpenAPI v3 documents: enough for `kubectl explain`, `apply` and `--validate` to work as on a cluster. Pure."""

from collections.abc import Iterable

from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object
from aegis_local.kube.schemas import OBJECT_META, definitions

_PREFIX = "#/components/schemas/"
# Strategic merge patches are served but not listed: kubectl then takes merge keys from its own types.
_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def index(kinds: Iterable[Kind]) -> Object:
    """`/openapi/v3`: where the document of each group version is."""
    versions = dict.fromkeys(_path(kind.group, kind.version) for kind in kinds)
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in versions}}


def document(kinds: Iterable[Kind], path: str) -> Object | None:
    """`/openapi/v3/PATH`: the document of one group version, or None."""
    found = [kind for kind in kinds if _path(kind.group, kind.version) == path]
    if not found:
        return None
    schemas: dict[str, Object] = {}
    for kind in found:
        if kind.builtin:
            _add_builtin(schemas, _builtin_name(kind))
        else:
            schemas[_custom_name(kind)] = _custom(kind)
            _add_builtin(schemas, OBJECT_META)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.3"},
        "paths": {key: value for kind in found for key, value in _paths(kind).items()},
        "components": {"schemas": schemas},
    }


def _builtin_name(kind: Kind) -> str:
    wanted = _gvk(kind)
    return next(
        name for name, schema in definitions().items() if wanted in schema.get("x-kubernetes-group-version-kind", [])
    )


def _custom_name(kind: Kind) -> str:
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _gvk(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _custom(kind: Kind) -> Object:
    properties = dict(kind.schema["properties"])
    properties["metadata"] = {"allOf": [{"$ref": _PREFIX + OBJECT_META}], "description": "Standard object's metadata."}
    return {**kind.schema, "properties": properties, "x-kubernetes-group-version-kind": [_gvk(kind)]}


def _add_builtin(schemas: dict[str, Object], name: str) -> None:
    """Add a definition and all that it refers to."""
    if name not in schemas:
        schemas[name] = _published(definitions()[name], schemas)


def _published(schema: Object, schemas: dict[str, Object]) -> Object:
    result: Object = {}
    for key, value in schema.items():
        if key == "$ref":
            waiting = value
            result["allOf"] = [{"$ref": _PREFIX + value}]
            if waiting not in schemas:
                schemas[waiting] = {}
                schemas[waiting] = _published(definitions()[waiting], schemas)
        elif key == "properties":
            result[key] = {name: _published(child, schemas) for name, child in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _published(value, schemas)
        else:
            result[key] = value
    return result


def _paths(kind: Kind) -> Object:
    if not kind.stored:
        return {}
    place = f"/{_path(kind.group, kind.version)}/{'namespaces/{namespace}/' if kind.namespaced else ''}{kind.plural}"
    own = {"x-kubernetes-group-version-kind": _gvk(kind), "responses": {"200": {"description": "OK"}}}
    write = {**own, "parameters": [_query(name) for name in ("dryRun", "fieldManager", "fieldValidation")]}
    patch = {**write, "requestBody": {"content": {media: {"schema": {"type": "object"}} for media in _PATCHES}}}
    return {
        place: {"get": {**own, "x-kubernetes-action": "list"}, "post": {**write, "x-kubernetes-action": "post"}},
        f"{place}/{{name}}": {
            "get": {**own, "x-kubernetes-action": "get"},
            "put": {**write, "x-kubernetes-action": "put"},
            "patch": {**patch, "x-kubernetes-action": "patch"},
            "delete": {**own, "x-kubernetes-action": "delete"},
        },
    }


def _query(name: str) -> Object:
    return {"name": name, "in": "query", "schema": {"type": "string"}}
