"""The files of a pod's volumes."""

from typing import Any

import pytest

from aegis_local.kubelet.environment import Missing, Source
from aegis_local.kubelet.volumes import TokenSpec, files_of, sources_of, tokens_of, volumes_of

TOKEN = {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "aegis"}}
PROJECTED = {
    "name": "p",
    "projected": {
        "sources": [
            TOKEN,
            {"configMap": {"name": "c", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
            {"secret": {"name": "s", "items": [{"key": "k", "path": "deep/k"}]}},
        ]
    },
}
SECRET = {"name": "t", "secret": {"secretName": "s"}}
DATA = {Source("ConfigMap", "c"): {"ca.crt": b"CA"}, Source("Secret", "s"): {"k": b"v", "l": b"w"}}
TOKENS = {TokenSpec("aegis", 600): b"a.b.c"}


def pod(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "n", "uid": "u"}, "spec": {"volumes": list(volumes)}}


def test_a_projected_volume_holds_what_its_sources_give() -> None:
    """Tokens, ConfigMaps, fields and Secrets in one folder."""
    files = files_of(PROJECTED, pod(PROJECTED), DATA, TOKENS)
    assert files == {"token": b"a.b.c", "ca.crt": b"CA", "namespace": b"n", "deep/k": b"v"}


def test_plain_volumes_hold_every_key() -> None:
    """Of a Secret and of a ConfigMap."""
    assert files_of(SECRET, pod(SECRET), DATA, {}) == {"k": b"v", "l": b"w"}
    assert files_of({"name": "c", "configMap": {"name": "c"}}, pod(), DATA, {}) == {"ca.crt": b"CA"}


def test_a_downward_volume_holds_fields() -> None:
    """As a volume of its own."""
    items = [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]
    assert files_of({"name": "d", "downwardAPI": {"items": items}}, pod(), {}, {}) == {"name": b"a"}


def test_an_empty_volume_is_just_a_folder() -> None:
    """What the pod writes there is its own."""
    assert files_of({"name": "e", "emptyDir": {}}, pod(), {}, {}) is None


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"name": "h", "hostPath": {"path": "/"}}, "volume h: volumes of type hostPath are not known here"),
        ({"name": "h"}, "volume h: volumes of type no source"),
        ({"name": "s", "secret": {"secretName": "none"}}, "Secret none does not exist"),
        (
            {"name": "s", "secret": {"secretName": "s", "items": [{"key": "z", "path": "z"}]}},
            "Secret s has no key z",
        ),
        ({"name": "d", "downwardAPI": {"items": [{"path": "x", "resourceFieldRef": {}}]}}, "resourceFieldRef"),
        ({"name": "p", "projected": {"sources": [{"clusterTrustBundle": {}}]}}, "projection of clusterTrustBundle"),
    ],
)
def test_what_cannot_be_had_is_named(volume: dict[str, Any], message: str) -> None:
    """The pod waits, and its status says for what."""
    with pytest.raises(Missing, match=message):
        files_of(volume, pod(), DATA, TOKENS)


def test_optional_sources_may_be_absent() -> None:
    """Missing Secrets and missing keys leave no file."""
    assert files_of({"name": "s", "secret": {"secretName": "none", "optional": True}}, pod(), DATA, {}) == {}
    items = [{"key": "z", "path": "z"}, {"key": "k", "path": "k"}]
    part = {"secretName": "s", "optional": True, "items": items}
    assert files_of({"name": "s", "secret": part}, pod(), DATA, {}) == {"k": b"v"}


def test_what_a_pod_needs_is_known_beforehand() -> None:
    """Its sources and its tokens; a token without a lifetime lives an hour."""
    plain = {"name": "q", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
    found = pod(PROJECTED, SECRET, plain, {"name": "e", "emptyDir": {}})
    assert sources_of(found) == {Source("ConfigMap", "c"), Source("Secret", "s")}
    assert tokens_of(found) == {TokenSpec("aegis", 600), TokenSpec("", 3600)}
    assert volumes_of({"spec": {}}) == []
