"""The settings: their schema, and the parser that admission runs."""

# These are tests: asserts are what they consist of.

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_api.reading import Node, ParseError
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.errors import Misconfigured
from aegis_idp.settings import read_settings, schema_of
from aegis_idp.values import PodNeeds

_SUBJECT = Subject("shop", "orders")
_WRONG: Mapping[str, object] = {"string": 5, "integer": "5", "boolean": "true", "array": {}, "object": []}
_KEYWORDS = {"type", "description", "properties", "required", "items", "additionalProperties", "enum", "pattern"} | {
    "minimum",
    "maximum",
    "x-kubernetes-preserve-unknown-fields",
}


class SettingsSuite:
    def test_the_schema_is_structural(self, provider: ProviderUnderTest) -> None:
        """Each part of the schema has a type and only keywords that Kubernetes takes, and describes itself."""
        schema = schema_of(provider.plugin.settings)
        json.dumps(schema)
        for path, part in _parts(schema, "config"):
            assert part.get("type") in _WRONG, f"{path} has no type"
            assert set(part) <= _KEYWORDS, f"{path} has keywords that Kubernetes does not take"
            assert path == "config" or path.endswith("[]") or part.get("description"), f"{path} has no description"

    def test_good_settings_are_read(self, provider: ProviderUnderTest) -> None:
        """The same config gives the same settings each time, and is not changed by reading it."""
        before = copy.deepcopy(dict(provider.config))
        assert provider.settings == provider.settings
        assert dict(provider.config) == before

    def test_unknown_settings_are_refused(self, provider: ProviderUnderTest) -> None:
        """A misspelt setting is an error, not a default."""
        with pytest.raises(ParseError, match="noSuchSetting"):
            _read(provider, {**provider.config, "noSuchSetting": 1})

    def test_required_settings_are_required(self, provider: ProviderUnderTest) -> None:
        """Each setting without default is missed by its name."""
        for name in _required(provider):
            with pytest.raises(ParseError, match=name):
                _read(provider, {key: value for key, value in provider.config.items() if key != name})

    def test_settings_of_another_type_are_refused(self, provider: ProviderUnderTest) -> None:
        """A value of another JSON type is refused with the path to it."""
        for name, part in _properties(provider).items():
            with pytest.raises(ParseError) as refusal:
                _read(provider, {**provider.config, name: _WRONG[part["type"]]})
            assert refusal.value.path == f"spec.config.{name}"

    def test_a_pod_needs_the_same_each_time(self, provider: ProviderUnderTest) -> None:
        """Admission of the same pod gives the same patch."""
        needs = provider.needs(_SUBJECT)
        assert isinstance(needs, PodNeeds)
        assert needs == provider.needs(_SUBJECT)
        assert all(token.audience for token in needs.tokens)
        assert len({token.audience for token in needs.tokens}) == len(needs.tokens)

    def test_what_cannot_be_done_per_destination_is_said(self, provider: ProviderUnderTest) -> None:
        """An audience per destination is either possible for exact hosts, or refused with a reason, nothing else."""
        try:
            reason = f"possible: {provider.needs(_SUBJECT, ('orders.shop.svc', 'stock.shop.svc'))}"
        except Misconfigured as error:
            reason = str(error)
        assert reason


def _read(provider: ProviderUnderTest, config: Mapping[str, object]) -> object:
    return read_settings(provider.plugin.settings, Node(config, "spec.config"))


def _properties(provider: ProviderUnderTest) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = schema_of(provider.plugin.settings)
    properties: Mapping[str, Any] = schema["properties"]
    return properties


def _required(provider: ProviderUnderTest) -> list[str]:
    schema: Mapping[str, Any] = schema_of(provider.plugin.settings)
    return list(schema.get("required", ()))


def _parts(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The schema and all schemas in it, each with its path."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from _parts(part, f"{path}.{name}")
    if "items" in schema:
        yield from _parts(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from _parts(schema["additionalProperties"], f"{path}[]")
