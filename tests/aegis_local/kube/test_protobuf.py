import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_local.kube.protobuf import BadProtobufError, decoded


def varint(value: int) -> bytes:
    out = b""
    while True:
        value, low = value >> 7, value & 0x7F
        out += bytes([low | (0x80 if value else 0)])
        if not value:
            return out


def field(number: int, value: bytes | int | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (2**64 - 1))
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def envelope(api_version: str, kind: str, message: bytes) -> bytes:
    return b"k8s\x00" + field(1, field(1, api_version) + field(2, kind)) + field(2, message)


def test_body_that_kubectl_sent() -> None:
    """Maps, bytes and metadata; empty texts and times are left out."""
    meta = field(1, "cm") + field(3, "") + field(8, b"")
    body = envelope(
        "v1",
        "ConfigMap",
        field(1, meta) + field(2, field(1, "a") + field(2, "b")) + field(3, field(1, "x") + field(2, b"\x00\xff")),
    )
    assert decoded(body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cm"},
        "data": {"a": "b"},
        "binaryData": {"x": base64.b64encode(b"\x00\xff").decode()},
    }


def test_special_types() -> None:
    """Times, numbers or texts, quantities, raw JSON and embedded structs are what JSON has for them."""
    owned = field(1, "m") + field(4, field(1, 1_800_000_000)) + field(7, field(1, json.dumps({"f:a": {}})))
    port = field(3, 80) + field(4, field(1, 1) + field(3, "http"))
    service = envelope(
        "v1",
        "Service",
        field(1, field(17, owned)) + field(2, field(1, port) + field(1, field(3, 81) + field(4, field(2, 8081)))),
    )
    found = decoded(service)
    assert found["metadata"]["managedFields"] == [
        {"manager": "m", "time": "2027-01-15T08:00:00Z", "fieldsV1": {"f:a": {}}}
    ]
    assert found["spec"]["ports"] == [{"port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 8081}]
    limits = field(8, field(1, field(1, "cpu") + field(2, field(1, "100m"))))
    volume = field(1, "v") + field(2, field(2, field(1, "Memory")))
    pod = decoded(envelope("v1", "Pod", field(2, field(1, volume) + field(2, field(1, "c") + limits))))
    assert pod["spec"]["containers"] == [{"name": "c", "resources": {"limits": {"cpu": "100m"}}}]
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {"medium": "Memory"}}]


def test_access_review() -> None:
    """`kubectl auth can-i`, with extra values and groups."""
    spec = (
        field(1, field(2, "get") + field(4, "pods"))
        + field(3, "u")
        + field(4, "g")
        + field(5, field(1, "k") + field(2, field(1, "v")))
    )
    found = decoded(envelope("authorization.k8s.io/v1", "SubjectAccessReview", field(2, spec)))
    assert found["spec"]["extra"] == {"k": ["v"]}
    assert found["spec"]["groups"] == ["g"]


def test_numbers_booleans_and_unknown_fields() -> None:
    """Negative numbers are two's complement; fields that are not known are skipped."""
    found = decoded(
        envelope("v1", "Pod", field(2, field(4, -1) + field(11, 1)) + field(99, "x") + varint(98 << 3 | 1) + bytes(8))
    )
    assert found["spec"] == {"terminationGracePeriodSeconds": -1, "hostNetwork": True}


def test_delete_options() -> None:
    """They belong to every group."""
    found = decoded(envelope("example.com/v1", "DeleteOptions", field(1, 0) + field(4, "Foreground")))
    assert found["propagationPolicy"] == "Foreground"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "magic"),
        (envelope("e.com/v1", "Bogus", b""), "no protobuf form"),
        (b"k8s\x00\x0a", "ends too early"),
        (b"k8s\x00\x0a\x05a", "ends too early"),
        (b"k8s\x00" + b"\xff" * 11, "too long"),
        (b"k8s\x00\x0b", "wire type 3"),
        (b"k8s\x00" + field(1, 5), "where bytes were wanted"),
        (envelope("v1", "Pod", field(2, field(4, "x"))), "where a number was wanted"),
    ],
)
def test_malformed_bodies_are_refused(body: bytes, message: str) -> None:
    """With a word on what is wrong."""
    with pytest.raises(BadProtobufError, match=message):
        decoded(body)


@given(st.binary(max_size=60))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    """Nothing else ever happens."""
    try:
        decoded(envelope("v1", "Pod", data))
    except (BadProtobufError, UnicodeDecodeError, ValueError):
        return
