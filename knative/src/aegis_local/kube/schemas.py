"""Schemas of the built-in kinds, and the parts that every custom kind's schema shares with them.

A schema is a structural schema of apiextensions v1 (JSON Schema plus `x-kubernetes-*`). The data file is made from
Kubernetes' own OpenAPI documents by `tools/extract_schemas.py`; its `$ref`s are resolved here to shared objects, so a
recursive type (JSONSchemaProps) is a cyclic schema. Nothing walks a schema but along with a value.
"""

import json
from functools import cache
from importlib.resources import files

from aegis_local.kube.objects import Object

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@cache
def definitions() -> dict[str, Object]:
    """The schemas as published: by name, with `$ref`s."""
    text = files("aegis_local.kube").joinpath("data/schemas.json").read_text()
    result: dict[str, Object] = json.loads(text)["schemas"]
    return result


@cache
def resolved() -> dict[str, Object]:
    """The same schemas with every `$ref` replaced by what it names."""
    shells: dict[str, Object] = {name: {} for name in definitions()}
    overlays: list[tuple[Object, Object, Object]] = []

    def linked(schema: Object) -> Object:
        own = {key: value for key, value in schema.items() if key not in ("$ref", "description")}
        if "$ref" in schema:
            if not own:
                return shells[schema["$ref"]]
            # A field's own list type or default belongs to the field, not to the shared type.
            overlay: Object = {}
            overlays.append((overlay, shells[schema["$ref"]], own))
            return overlay
        if "properties" in own:
            own["properties"] = {name: linked(child) for name, child in own["properties"].items()}
        return own | {key: linked(own[key]) for key in ("items", "additionalProperties") if key in own}

    for name, schema in definitions().items():
        shells[name].update(linked(schema))
    for overlay, base, own in overlays:
        overlay.update(base | own)
    return shells


def builtin_schema(group: str, version: str, kind: str) -> Object:
    wanted = {"group": group, "version": version, "kind": kind}
    for name, schema in definitions().items():
        if wanted in schema.get("x-kubernetes-group-version-kind", []):
            return resolved()[name]
    raise LookupError(f"data/schemas.json has no schema of {group}/{version} {kind}: run tools/extract_schemas.py")


def with_object_fields(schema: Object) -> Object:
    """A custom kind's schema with the fields that every object has: apiVersion, kind and metadata."""
    properties = {
        **schema.get("properties", {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": resolved()[OBJECT_META],
    }
    return {**schema, "type": "object", "properties": properties}
