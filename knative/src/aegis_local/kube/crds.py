"""CustomResourceDefinitions: from a definition to the Kinds it serves, and what is wrong with one. Pure."""

import re

from aegis_local.kube import cel_rules, jsonpath, patterns
from aegis_local.kube.errors import FieldError, invalid_value, required, unsupported
from aegis_local.kube.kinds import Column, Kind, ScalePaths
from aegis_local.kube.objects import Object, at, name_of
from aegis_local.kube.schemas import with_object_fields

AGE = Column(
    "Age",
    ".metadata.creationTimestamp",
    "date",
    "",
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed "
    "to be set in happens-before order across separate operations. Clients may not set this value. It is represented "
    "in RFC3339 form and is in UTC.",
)


def kinds_of(crd: Object) -> list[Kind]:
    """One Kind per served version."""
    spec = crd["spec"]
    storage = next(version["name"] for version in spec["versions"] if version.get("storage"))
    return [_kind(spec, version, storage) for version in spec["versions"] if version.get("served")]


def _kind(spec: Object, version: Object, storage: str) -> Kind:
    names, subresources = spec["names"], version.get("subresources") or {}
    scale = subresources.get("scale")
    return Kind(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        schema=with_object_fields(at(version, ("schema", "openAPIV3Schema")) or {}),
        singular=names.get("singular") or names["kind"].lower(),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(subresources),
        columns=_columns(version),
        builtin=False,
        storage_version=storage,
        scale=ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", ""))
        if scale
        else None,
        deprecation=_deprecation(spec, version),
        selectable=tuple(entry["jsonPath"].removeprefix(".") for entry in version.get("selectableFields") or ()),
    )


def _columns(version: Object) -> tuple[Column, ...]:
    listed = version.get("additionalPrinterColumns")
    if not listed:
        return (AGE,)
    return tuple(
        Column(
            column["name"],
            column["jsonPath"],
            column["type"],
            column.get("format", ""),
            column.get("description", f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"),
            column.get("priority", 0),
        )
        for column in listed
    )


def _deprecation(spec: Object, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    default = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return str(version.get("deprecationWarning") or default)


def problems(crd: Object) -> list[FieldError]:
    """What is wrong with a definition whose shape its own schema has already judged."""
    spec, names = crd["spec"], crd["spec"]["names"]
    errors = []
    if name_of(crd) != (wanted := f"{names['plural']}.{spec['group']}"):
        errors.append(
            invalid_value("metadata.name", name_of(crd), f'must be spec.names.plural+"."+spec.group: {wanted}')
        )
    if spec["scope"] not in ("Cluster", "Namespaced"):
        errors.append(unsupported("spec.scope", spec["scope"], ["Cluster", "Namespaced"]))
    if at(spec, ("conversion", "strategy")) not in (None, "None"):
        errors.append(unsupported("spec.conversion.strategy", spec["conversion"]["strategy"], ["None"]))
    storages = [version["name"] for version in spec["versions"] if version.get("storage")]
    if len(storages) != 1:
        errors.append(
            invalid_value("spec.versions", storages, "must have exactly one version marked as storage version")
        )
    for index, version in enumerate(spec["versions"]):
        errors += _version_problems(version, f"spec.versions[{index}]")
    return errors


def _version_problems(version: Object, path: str) -> list[FieldError]:
    errors = []
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", version["name"]):
        errors.append(
            invalid_value(f"{path}.name", version["name"], "a DNS-1035 label is wanted, such as v1 or v1beta1")
        )
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            jsonpath.compiled(column["jsonPath"])
        except jsonpath.BadPathError as error:
            place = f"{path}.additionalPrinterColumns[{index}].jsonPath"
            errors.append(invalid_value(place, column["jsonPath"], str(error)))
    schema = at(version, ("schema", "openAPIV3Schema"))
    if schema is None:
        return [*errors, required(f"{path}.schema.openAPIV3Schema", "schemas are required")]
    place = f"{path}.schema.openAPIV3Schema"
    if schema.get("type") != "object":
        errors.append(unsupported(f"{place}.type", schema.get("type", ""), ["object"]))
    return errors + _schema_problems(schema, place)


def _schema_problems(schema: Object, path: str) -> list[FieldError]:
    """A schema is structural: each level says its type, and list maps name keys that their items have."""
    errors = []
    untyped = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not untyped:
        errors.append(required(f"{path}.type", "must not be empty for specified object fields"))
    if "pattern" in schema:
        try:
            patterns.check(schema["pattern"])
        except patterns.BadPatternError as error:
            errors.append(
                invalid_value(f"{path}.pattern", schema["pattern"], f"must be a valid regular expression: {error}")
            )
    errors += cel_rules.problems(schema, path)
    if schema.get("type") == "array" and "items" not in schema:
        errors.append(required(f"{path}.items", "must be specified"))
    if schema.get("x-kubernetes-list-type") == "map":
        keys, fields = schema.get("x-kubernetes-list-map-keys") or (), at(schema, ("items", "properties")) or {}
        if not keys:
            errors.append(
                required(f"{path}.x-kubernetes-list-map-keys", "must be set if x-kubernetes-list-type is map")
            )
        errors += [
            invalid_value(f"{path}.x-kubernetes-list-map-keys", key, "each key must be a property of the items")
            for key in keys
            if key not in fields
        ]
    for name, child in (schema.get("properties") or {}).items():
        errors += _schema_problems(child, f"{path}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            errors += _schema_problems(schema[key], f"{path}.{key}")
    return errors


def established(crd: Object, now: str) -> Object:
    """The definition with the status of one whose names are accepted and whose resources are served."""
    names = dict(crd["spec"]["names"])
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    conditions = [
        {
            "type": "NamesAccepted",
            "status": "True",
            "lastTransitionTime": now,
            "reason": "NoConflicts",
            "message": "no conflicts found",
        },
        {
            "type": "Established",
            "status": "True",
            "lastTransitionTime": now,
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
        },
    ]
    old = at(crd, ("status", "conditions")) or []
    kept = [condition for condition in old if condition["type"] not in ("NamesAccepted", "Established")]
    same = {condition["type"]: condition for condition in old if condition["status"] == "True"}
    storage = next(version["name"] for version in crd["spec"]["versions"] if version.get("storage"))
    stored = at(crd, ("status", "storedVersions")) or []
    status = {
        "conditions": kept + [same.get(condition["type"], condition) for condition in conditions],
        "acceptedNames": names,
        "storedVersions": stored if storage in stored else [*stored, storage],
    }
    return {**crd, "status": status}
