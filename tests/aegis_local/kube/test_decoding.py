from typing import Any

import pytest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.decoding import conformed, parsed, typed
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds
from support.in_memory_kube import widget, widget_crd

KINDS = {kind.kind: kind for kind in builtin_kinds()}
WIDGET = kinds_of(widget_crd())[0]


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "", {"a": 1}),
        (b"a: 2026-01-01\nb: yes\n", "application/yaml", {"a": "2026-01-01", "b": True}),
    ],
)
def test_bodies(body: bytes, content_type: str, expected: Any) -> None:
    """JSON or YAML; a date stays the text that it is."""
    assert parsed(body, content_type) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"a: [", "application/yaml", 400),
        (b"x", "application/vnd.kubernetes.protobuf", 400),
        (b"{}", "text/plain", 415),
        (b"[" * 100_000, "application/json", 400),
    ],
)
def test_bad_bodies_are_refused(body: bytes, content_type: str, code: int) -> None:
    """What cannot be read is 400, what is not known 415."""
    with pytest.raises(ApiError) as refusal:
        parsed(body, content_type)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        ([], WIDGET, 400),
        ({"kind": "Gadget"}, WIDGET, 422),
        ({"kind": "Gadget"}, KINDS["Pod"], 400),
        ({"apiVersion": "v2"}, KINDS["Pod"], 400),
        ({"apiVersion": 1}, KINDS["Pod"], 400),
        ({"metadata": []}, KINDS["Pod"], 400),
        ({"metadata": [1]}, KINDS["Pod"], 400),
    ],
)
def test_objects_of_another_type_are_refused(value: Any, kind: Any, code: int) -> None:
    """The body must be what the path names."""
    if value == {"metadata": []}:
        assert typed(value, kind)["metadata"] == {}
        return
    with pytest.raises(ApiError) as refusal:
        typed(value, kind)
    assert refusal.value.code == code


def test_unknown_fields() -> None:
    """Dropped with a warning, refused when Strict, silently dropped when ignored."""
    value = widget("x", bogus=1)
    warnings: list[str] = []
    assert "bogus" not in conformed(value, WIDGET, "", warnings)["spec"]
    assert warnings == ['unknown field "spec.bogus"']
    conformed(value, WIDGET, "Ignore", warnings)
    assert len(warnings) == 1
    with pytest.raises(ApiError, match=r'strict decoding error: unknown field "spec.bogus"'):
        conformed(value, WIDGET, "Strict", warnings)
    with pytest.raises(ApiError, match="fieldValidation: Unsupported value"):
        conformed(value, WIDGET, "Loose", warnings)


def test_custom_kinds_are_defaulted() -> None:
    """By their schema; empty metadata goes; wrong types are left to validation."""
    value = widget("x", size="no")
    value["metadata"] |= {"labels": {}, "annotations": {"a": None, "b": "c"}}
    obj = conformed(value, WIDGET, "", [])
    assert obj["spec"] == {"size": "no", "colour": "red"}
    assert obj["metadata"] == {"name": "x", "annotations": {"b": "c"}}


def test_built_in_kinds_are_decoded_as_go_does() -> None:
    """Nulls vanish, wrong types are 400."""
    config_map = {"metadata": {"name": "x"}, "data": None}
    assert conformed(config_map, KINDS["ConfigMap"], "", []) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x"},
    }
    with pytest.raises(ApiError, match="cannot be handled as a ConfigMap") as refusal:
        conformed({"data": {"a": 1}}, KINDS["ConfigMap"], "", [])
    assert refusal.value.code == 400
    with pytest.raises(ApiError, match="cannot be handled as a Widget"):
        conformed({"metadata": {"labels": {"a": 1}}}, WIDGET, "", [])
