"""Make `aegis_local/kube/data/schemas.json` from the OpenAPI documents in Kubernetes' own source tree.

Usage: extract_schemas.py KUBERNETES_SOURCE OUTPUT, where KUBERNETES_SOURCE holds `api/openapi-spec/v3`
(for instance `go list -m -f '{{.Dir}}' k8s.io/kubernetes`). Run it again to move to another version of Kubernetes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

DOCUMENTS = (
    "api__v1",
    "apis__admissionregistration.k8s.io__v1",
    "apis__apiextensions.k8s.io__v1",
    "apis__apps__v1",
    "apis__authentication.k8s.io__v1",
    "apis__authorization.k8s.io__v1",
    "apis__coordination.k8s.io__v1",
    "apis__discovery.k8s.io__v1",
    "apis__rbac.authorization.k8s.io__v1",
)
KEPT = ("type", "format", "enum", "required", "items", "properties", "additionalProperties")
# The generator writes these for every Go value that is not a pointer; the API server does not default to them.
ZERO_VALUES: tuple[Any, ...] = ({}, "", 0, False)


def reference(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def trimmed(schema: dict[str, Any]) -> dict[str, Any]:
    """Keep what the embedded API decides by; a description keeps its first sentence, for `kubectl explain`."""
    if "$ref" in schema:
        return {"$ref": reference(schema["$ref"])}
    if "allOf" in schema:
        result: dict[str, Any] = {"$ref": reference(schema["allOf"][0]["$ref"])}
    else:
        result = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: trimmed(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = trimmed(value)
        elif key == "oneOf" and value == [{"type": "integer"}, {"type": "string"}]:
            result["x-kubernetes-int-or-string"] = True
        elif (key == "default" and value not in ZERO_VALUES) or key in KEPT or key.startswith("x-kubernetes-"):
            result[key] = value
        elif key == "description":
            result[key] = value.split(". ")[0].split("\n")[0].rstrip(".") + "."
    if result.get("type") == "object" and not {"properties", "additionalProperties"} & result.keys():
        # Raw JSON (FieldsV1, RawExtension) and structs without fields look alike in OpenAPI.
        result["x-kubernetes-preserve-unknown-fields"] = True
    return result


def references(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(references(child) for child in schema.values()))
    return set().union(*(references(child) for child in schema)) if isinstance(schema, list) else set()


def main(source: Path, output: Path) -> None:
    kinds = yaml.safe_load((output.parent / "kinds.yaml").read_text())
    wanted = {(kind["group"], kind["version"], kind["kind"]) for kind in kinds}
    available: dict[str, Any] = {}
    for document in DOCUMENTS:
        text = (source / "api/openapi-spec/v3" / f"{document}_openapi.json").read_text()
        available |= json.loads(text)["components"]["schemas"]
    waiting = sorted(
        name
        for name, schema in available.items()
        for gvk in schema.get("x-kubernetes-group-version-kind", [])
        if (gvk["group"], gvk["version"], gvk["kind"]) in wanted
    )
    chosen: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen[name] = trimmed(available[name])
            gvks = chosen[name].get("x-kubernetes-group-version-kind", [])
            if not any((gvk["group"], gvk["version"], gvk["kind"]) in wanted for gvk in gvks):
                chosen[name].pop("x-kubernetes-group-version-kind", None)
            waiting += references(chosen[name])
    origin = f"Kubernetes {source.name.rpartition('@')[2]}, api/openapi-spec/v3, Apache-2.0"
    output.write_text(json.dumps({"origin": origin, "schemas": dict(sorted(chosen.items()))}, indent=0) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
