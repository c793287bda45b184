"""What a Kubernetes API server makes of an object by its CRD's schema: nulls pruned, defaults set, then validated.

Unknown fields are refused, as with `fieldValidation: Strict`, which is what kubectl asks for. Only what our CRDs use.
"""

import copy
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import celpy
import celpy.adapter
import jsonschema
import yaml
from attrs import frozen

CRDS = Path(__file__).parents[2] / "crds"
_CEL = celpy.Environment()
_END_OF_TEXT = re.compile(r"\$(?=$|\)|\|)")


@functools.cache
def crd(plural: str) -> Mapping[str, Any]:
    """The CustomResourceDefinition of a kind."""
    document: Mapping[str, Any] = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    return document


@frozen
class Admitted:
    """The object as the API server would store it."""

    document: Any


@frozen
class Refused:
    reasons: tuple[str, ...]


def admit(plural: str, document: Any) -> Admitted | Refused:
    """What becomes of `document`, whose metadata is taken to be good."""
    schema = crd(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    stored = _defaulted(schema, copy.deepcopy(document))
    reasons = tuple(error.message for error in _validator(plural).iter_errors(stored))
    reasons = reasons or tuple(_broken_rules(schema, stored))
    return Refused(reasons) if reasons else Admitted(stored)


def _defaulted(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if value.get(name) is None:
                value.pop(name, None)
                if "default" in part:
                    value[name] = copy.deepcopy(part["default"])
            if name in value:
                _defaulted(part, value[name])
    elif isinstance(value, list):
        for item in value:
            _defaulted(schema.get("items", {}), item)
    return value


@functools.cache
def _validator(plural: str) -> Any:
    schema = crd(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    base = jsonschema.Draft202012Validator
    kind = jsonschema.validators.extend(base, {"pattern": _matches})  # type: ignore[no-untyped-call]  # untyped stub
    return kind(_strict(schema))


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as plain JSON schema that knows no unknown fields. A bare `type: object` is somebody else's."""
    strict = dict(schema)
    if "properties" in schema:
        strict["properties"] = {name: _strict(part) for name, part in schema["properties"].items()}
        strict["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if isinstance(part := schema.get(name), dict):
            strict[name] = _strict(part)
    return strict


def _matches(_: object, pattern: str, value: object, __: object) -> Iterator[jsonschema.ValidationError]:
    """RE2's `$` is the end of the text; Python's also stands before a last line break."""
    if isinstance(value, str) and not re.search(_END_OF_TEXT.sub(r"\\Z", pattern), value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


def _broken_rules(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    for validation in schema.get("x-kubernetes-validations", ()):
        if not _program(validation["rule"]).evaluate({"self": celpy.adapter.json_to_cel(value)}):
            yield validation["message"]
    if isinstance(value, dict):
        for name, item in value.items():
            part = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if isinstance(part, dict):
                yield from _broken_rules(part, item)
    elif isinstance(value, list):
        for item in value:
            yield from _broken_rules(schema.get("items", {}), item)


@functools.cache
def _program(rule: str) -> Any:
    return _CEL.program(_CEL.compile(rule))
