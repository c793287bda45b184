"""From a request's body to an object of a Kind: media type, shape, unknown fields, defaults. Pure."""

import json
from typing import Any

import yaml

from aegis_local.kube import protobuf
from aegis_local.kube.builtin_defaults import with_builtin_defaults
from aegis_local.kube.errors import ApiError, bad_request, invalid, invalid_value, unsupported_media_type
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, name_of
from aegis_local.kube.schema_validation import type_of, validate
from aegis_local.kube.structural import prune, with_defaults, without_nulls

JSON_TYPES = ("application/json", "application/yaml", protobuf.MEDIA_TYPE)
FIELD_VALIDATION = ("Ignore", "Warn", "Strict")


class _JsonLoader(yaml.CSafeLoader):
    """YAML without timestamps: an object holds JSON values only."""


_JsonLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def media_type(header: str) -> str:
    return header.split(";")[0].strip().lower()


def parsed(body: bytes, content_type: str, accepted: tuple[str, ...] = JSON_TYPES) -> Any:
    """The JSON or YAML of a body. Raises ApiError: 415 for another media type, 400 for a body that is neither."""
    kind = media_type(content_type) or "application/json"
    if kind not in accepted:
        raise unsupported_media_type(", ".join(accepted))
    try:
        if kind == protobuf.MEDIA_TYPE:
            return protobuf.decoded(body)
        if kind.endswith("yaml"):
            return yaml.load(body, _JsonLoader)  # noqa: S506  # the loader is a safe one, with less in it
        return json.loads(body)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise bad_request(f"error decoding the body as {kind}: {error}") from error


def typed(value: Any, kind: Kind) -> Object:
    """The value as an object of `kind`; a missing apiVersion or kind is that of the request's path."""
    if not isinstance(value, dict):
        raise bad_request(f"the body holds a JSON {type_of(value)}; a {kind.kind} is an object")
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, **value}
    if obj["kind"] != kind.kind and not kind.builtin:
        error = invalid_value("kind", obj["kind"], f"must be {kind.kind}")
        raise invalid(kind.group, kind.kind, name_of(obj), [error])
    if obj["kind"] != kind.kind or not isinstance(obj["apiVersion"], str):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): "
            f"it is a {obj['apiVersion']} {obj['kind']}"
        )
    if obj["apiVersion"] != kind.api_version:
        raise bad_request(
            f"the API version in the data ({obj['apiVersion']}) does not match "
            f"the expected API version ({kind.api_version})"
        )
    if not isinstance(obj.get("metadata", {}) or {}, dict):
        raise _unfit(kind, "json: cannot unmarshal metadata into an object")
    return {**obj, "metadata": obj.get("metadata") or {}}


def conformed(value: Any, kind: Kind, field_validation: str, warnings: list[str]) -> Object:
    """The value as an object of `kind`, pruned and defaulted.

    `field_validation` is the query parameter of that name (empty: Warn); what it warns of is added to `warnings`.
    """
    if field_validation and field_validation not in FIELD_VALIDATION:
        choices = ", ".join(f'"{choice}"' for choice in FIELD_VALIDATION)
        raise bad_request(f'fieldValidation: Unsupported value: "{field_validation}": supported values: {choices}')
    obj, dropped = prune(typed(value, kind), kind.schema)
    unknown = [f'unknown field "{path}"' for path in dropped]
    if field_validation == "Strict" and unknown:
        raise _unfit(kind, "strict decoding error: " + ", ".join(unknown))
    if field_validation in ("", "Warn"):
        warnings += unknown
    if kind.builtin:
        obj = without_nulls(obj, kind.schema)
        if problem := _wrong_shape(obj, kind):
            raise problem
        return _shaped(with_builtin_defaults(with_defaults(obj, kind.schema)))
    shared = kind.schema["properties"]["metadata"]
    obj["metadata"] = without_nulls(obj["metadata"], shared)
    if errors := validate(obj["metadata"], shared, "metadata"):
        raise _unfit(kind, "; ".join(map(str, errors)))
    return _shaped(with_defaults(obj, kind.schema))


def _wrong_shape(obj: Object, kind: Kind) -> ApiError | None:
    """A built-in kind is decoded into Go types: what does not fit them is a bad request."""
    shape_only = [error for error in validate(obj, kind.schema) if "must be of type" in error.text]
    if not shape_only:
        return None
    return _unfit(kind, f"json: cannot unmarshal: {'; '.join(map(str, shape_only))}")


def _unfit(kind: Kind, why: str) -> ApiError:
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def _shaped(obj: Object) -> Object:
    """The customary order of the top fields, and no empty labels or the like in the metadata."""
    meta = {key: value for key, value in obj["metadata"].items() if value not in ({}, [])}
    first = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
    return first | {key: value for key, value in obj.items() if key not in first}
