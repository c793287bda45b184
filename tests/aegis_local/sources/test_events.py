"""The CloudEvents of the sources."""

import json
from typing import Any

import pytest

from aegis_local.client.watching import Change
from aegis_local.sources.events import extensions_of, guessed_plural, ping_event, reference_event

IDENTITY: dict[str, Any] = {
    "apiVersion": "aegis.aegisproxy.io/v1",
    "kind": "Identity",
    "metadata": {"name": "a", "namespace": "b"},
}


@pytest.mark.parametrize(("change", "verb"), [("ADDED", "add"), ("MODIFIED", "update"), ("DELETED", "delete")])
def test_a_change_becomes_a_reference(change: Change, verb: str) -> None:
    """The headers and the body that Knative's adapter sends."""
    event = reference_event(change, IDENTITY, "https://127.0.0.1:1", "id", "2026-01-01T00:00:00Z", {"colour": "blue"})
    assert event.headers == {
        "Ce-Specversion": "1.0",
        "Ce-Id": "id",
        "Ce-Type": f"dev.knative.apiserver.ref.{verb}",
        "Ce-Source": "https://127.0.0.1:1",
        "Ce-Time": "2026-01-01T00:00:00Z",
        "Ce-Subject": "/apis/aegis.aegisproxy.io/v1/namespaces/b/identities/a",
        "Ce-Apiversion": "aegis.aegisproxy.io/v1",
        "Ce-Kind": "Identity",
        "Ce-Name": "a",
        "Ce-Namespace": "b",
        "Ce-Colour": "blue",
        "Content-Type": "application/json",
        "Kn-Namespace": "b",
    }
    assert json.loads(event.body) == {
        "kind": "Identity",
        "namespace": "b",
        "name": "a",
        "apiVersion": "aegis.aegisproxy.io/v1",
    }


def test_core_and_cluster_scoped_kinds_keep_knatives_odd_subjects() -> None:
    """Core kinds are under /apis as well, and a missing namespace leaves two slashes."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}
    assert reference_event("ADDED", pod, "s", "i", "t", {}).headers["Ce-Subject"] == "/apis/v1/namespaces/b/pods/a"
    wide = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}
    event = reference_event("ADDED", wide, "s", "i", "t", {})
    assert event.headers["Ce-Subject"] == "/apis/v1/namespaces//nodes/a"
    assert "namespace" not in json.loads(event.body)


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("IngressPolicy", "ingresspolicies"), ("Identity", "identities"), ("Pod", "pods"), ("Ingress", "ingresses")],
)
def test_plurals_are_guessed_as_knative_does(kind: str, plural: str) -> None:
    """By apimachinery's rule of thumb."""
    assert guessed_plural(kind) == plural


def ping(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n"}, "spec": spec}


def test_a_ping_carries_its_data() -> None:
    """With the type and source of PingSource."""
    event = ping_event(ping(data='{"a": 1}'), "id", "t")
    assert event.headers["Ce-Type"] == "dev.knative.sources.ping"
    assert event.headers["Ce-Source"] == "/apis/v1/namespaces/n/pingsources/p"
    assert event.headers["Content-Type"] == "application/json"
    assert event.body == b'{"a": 1}'


def test_a_ping_may_carry_bytes_or_nothing() -> None:
    """`dataBase64` is decoded; a content type of the spec counts."""
    event = ping_event(ping(dataBase64="AAE="), "id", "t")
    assert (event.body, event.headers["Content-Type"]) == (b"\x00\x01", "application/octet-stream")
    assert ping_event(ping(contentType="text/plain"), "id", "t").headers["Content-Type"] == "text/plain"
    assert ping_event(ping(), "id", "t").body == b""


def test_overrides_add_extensions() -> None:
    """Constant ones, of the source's spec."""
    assert extensions_of(ping(ceOverrides={"extensions": {"a": "b"}})) == {"a": "b"}
    assert extensions_of(ping()) == {}
