"""Settings: schema and parser are one."""

import copy
from collections.abc import Mapping
from typing import Any, Literal

import jsonschema
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings, schema_of, setting


def _check_even(number: int) -> None:
    if number % 2:
        raise ValueError("an even number")


@frozen
class Inner:
    secret_name: str = setting("A name.")
    fallback: bool = setting("Whether.", default=False)


@frozen
class Settings:
    """One field of each type that a setting may have."""

    address: str = setting("Where.", pattern=r"https://[a-z]+", wanted="an https URL")
    mode: Literal["fast", "safe"] = setting("How.", default="safe")
    port: int = setting("Which port.", default=443, low=1, high=65535)
    any_number: int = setting("A number.", default=0)
    verify: bool = setting("Whether.", default=True)
    names: tuple[str, ...] = setting("Names.", default=())
    labels: Mapping[str, str] = setting("Labels.", default={})
    document: Mapping[str, object] | None = setting("Anything.", default=None)
    inner: Inner | None = setting("More.", default=None)
    plain_field: str | None = None


@frozen
class Required:
    inner: Inner = setting("More.")
    matching: str | None = setting("A word.", default=None, pattern="[a-z]+")
    even: int = setting("An even number.", default=0, check=_check_even)


@frozen
class Spanning:
    one: str | None = setting("One.", default=None)
    other: str | None = setting("The other.", default=None)

    def __attrs_post_init__(self) -> None:
        if self.one and self.other:
            raise ValueError("one or other, not both")


@frozen
class Odd:
    when: float = field(default=1.0)


def _read(settings: type[Any], config: object) -> Any:
    return read_settings(settings, Node(config, "spec.config"))


def test_a_full_config_is_read() -> None:
    """Each type is read to its Python value, and names are in camel case."""
    config = {
        "address": "https://a",
        "mode": "fast",
        "port": 8443,
        "anyNumber": 5,
        "verify": False,
        "names": ["a", "b"],
        "labels": {"a": "b"},
        "document": {"keys": [1, None]},
        "inner": {"secretName": "s", "fallback": True},
        "plainField": "p",
    }
    expected = Settings(
        "https://a", "fast", 8443, 5, False, ("a", "b"), {"a": "b"}, {"keys": [1, None]}, Inner("s", True), "p"
    )
    assert _read(Settings, config) == expected


def test_defaults_stand_for_what_is_absent_or_null() -> None:
    """Null counts as absent, as in Kubernetes."""
    assert _read(Settings, {"address": "https://a", "port": None}) == Settings("https://a")


@pytest.mark.parametrize(
    ("settings", "config", "error"),
    [
        (Settings, {}, "spec.config: got no address, wanted the field address"),
        (Settings, [], "spec.config: got an empty list, wanted an object"),
        (Settings, {"address": "http://a"}, 'spec.config.address: got "http://a", wanted an https URL'),
        (
            Settings,
            {"address": "https://a", "port": 0},
            "spec.config.port: got 0, wanted a whole number from 1 to 65535",
        ),
        (Settings, {"address": "https://a", "mode": "x"}, 'spec.config.mode: got "x", wanted fast or safe'),
        (Settings, {"address": "https://a", "names": ["a", 5]}, "spec.config.names[1]: got 5, wanted a string"),
        (Settings, {"address": "https://a", "labels": {"a": 5}}, "spec.config.labels.a: got 5, wanted a string"),
        (Settings, {"address": "https://a", "inner": {}}, "spec.config.inner: got no secretName, wanted the field"),
        (Settings, {"address": "https://a", "client_id": 1}, "spec.config: got the unknown field client_id"),
        (Required, {"inner": {"secretName": "a"}, "matching": "A"}, 'got "A", wanted text that matches [a-z]+'),
        (Required, {"inner": {"secretName": "a"}, "even": 3}, "spec.config.even: got 3, wanted an even number"),
        (
            Spanning,
            {"one": "a", "other": "b"},
            "spec.config: got settings that do not fit together, wanted one or other",
        ),
    ],
)
def test_a_bad_config_is_refused(settings: type[Any], config: object, error: str) -> None:
    """The error names the path, what came and what was wanted."""
    with pytest.raises(ParseError) as refusal:
        _read(settings, config)
    assert error in str(refusal.value)


def test_an_even_number_is_read() -> None:
    """A check that holds changes nothing."""
    assert _read(Required, {"inner": {"secretName": "a"}, "even": 4}).even == 4


def test_the_schema_says_what_the_parser_takes() -> None:
    """Types, bounds, choices, patterns and descriptions of a class, closed against unknown names."""
    schema: Any = schema_of(Settings)
    assert schema["required"] == ["address"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["address"] == {
        "type": "string",
        "pattern": "^(?:https://[a-z]+)$",
        "description": "Where.",
    }
    assert schema["properties"]["mode"] == {"type": "string", "enum": ["fast", "safe"], "description": "How."}
    assert schema["properties"]["port"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 65535,
        "description": "Which port.",
    }
    assert schema["properties"]["names"]["items"] == {"type": "string"}
    assert schema["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    assert schema["properties"]["document"]["x-kubernetes-preserve-unknown-fields"] is True
    assert schema["properties"]["inner"]["required"] == ["secretName"]
    assert schema["properties"]["plainField"] == {"type": "string"}
    assert "required" not in schema_of(Spanning)
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("question", [schema_of, lambda settings: _read(settings, {"when": 1.5})])
def test_a_setting_of_another_type_is_the_authors_error(question: Any) -> None:
    """A class that cannot be read is no settings class, and the error names the field."""
    with pytest.raises(TypeError, match=r"the setting when has the type .*float"):
        question(Odd)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 70000)
    | st.floats(0.1, 0.9)
    | st.sampled_from(["a", "https://a", "fast"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "secretName"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_good = st.fixed_dictionaries(
    {"address": st.from_regex(r"https://[a-z]+", fullmatch=True)},
    optional={
        "mode": st.sampled_from(["fast", "safe"]),
        "port": st.integers(1, 65535),
        "verify": st.booleans(),
        "names": st.lists(st.text(max_size=3), max_size=2),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
        "document": st.dictionaries(st.text(max_size=3), _json, max_size=2),
        "inner": st.fixed_dictionaries({"secretName": st.text(max_size=3)}, optional={"fallback": st.booleans()}),
    },
)
_names = st.sampled_from([*schema_of(Settings)["properties"], "unknown"])  # type: ignore[misc]  # a JSON value


@given(config=_good, changes=st.dictionaries(_names, _json, max_size=2))
def test_schema_and_parser_agree(config: dict[str, object], changes: dict[str, object]) -> None:
    """Whatever a config holds, both take it or both refuse it; null counts as absent, which a schema cannot say."""
    document = {**config, **changes}
    before = copy.deepcopy(document)
    try:
        _read(Settings, document)
    except ParseError:
        accepted = False
    else:
        accepted = True
    assert document == before
    assert jsonschema.Draft202012Validator(schema_of(Settings)).is_valid(_without_nulls(document)) == accepted


def _without_nulls(document: dict[str, object]) -> dict[str, object]:
    """The config as the parser sees it: without null in members that have names of ours."""
    given = {name: value for name, value in document.items() if value is not None or name == "unknown"}
    inner = given.get("inner")
    if isinstance(inner, dict):
        given["inner"] = {
            name: value for name, value in inner.items() if value is not None or name not in ("secretName", "fallback")
        }
    return given
