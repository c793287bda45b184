"""The mesh's own resources at admission."""

from typing import Any

import pytest

from aegis_api.resources import API_VERSION
from aegis_idp import discovery
from aegis_webhook.cluster import ClusterError
from aegis_webhook.decision import Refuse
from aegis_webhook.kinds import Accept, Judge
from support.admission import DocumentCluster, Object, usual_cluster


def judge(kind: str, spec: dict[str, Any], cluster: DocumentCluster | None = None, **metadata: Any) -> Accept | Refuse:
    return Judge(cluster or usual_cluster(), discovery.load).judge(document(kind, spec, **metadata), "shop")


def document(kind: str, spec: dict[str, Any], **metadata: Any) -> Object:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "a", **metadata}, "spec": spec}


def rule(**fields: Any) -> dict[str, Any]:
    return {"name": "r", "methods": ["GET"], "paths": ["/"], "identities": ["*"], **fields}


PROVIDER = {"type": "kubernetes", "audience": "aegis"}

NO_PROVIDER = (
    "there is no IdentityProvider later in this namespace, and no ClusterIdentityProvider later whose "
    "namespaceSelector selects it: its pods are refused until there is"
)


@pytest.mark.parametrize(
    ("kind", "spec", "warnings"),
    [
        ("IngressPolicy", {"rules": [rule()]}, ()),
        ("IngressPolicy", {}, ("the policy has no rules: it denies every request",)),
        (
            "IngressPolicy",
            {"rules": [rule(methods=[], paths=[], identities=[], claims={"scope": [], "x": ["y"]})]},
            tuple(
                f"spec.rules[0].{name} is empty: the rule matches nothing"
                for name in ("methods", "paths", "identities", "claims[scope]")
            ),
        ),
        ("IngressPolicy", {"rules": [{"methods": ["GET"], "paths": ["/"], "unauthenticated": True}]}, ()),
        ("IdentityProvider", PROVIDER, ()),
        ("ClusterIdentityProvider", {**PROVIDER, "namespaceSelector": {}}, ()),
        ("ClusterIdentityProvider", PROVIDER, ("without spec.namespaceSelector no namespace may use this provider",)),
        ("Identity", {"provider": "local"}, ()),
        (
            "Identity",
            {"provider": "local", "egress": {"hosts": []}},
            ("spec.egress.hosts is empty: no host ever receives this identity's token",),
        ),
        (
            "Identity",
            {"provider": "later"},
            (NO_PROVIDER,),
        ),
    ],
)
def test_good_objects_are_accepted_and_odd_ones_with_a_warning(
    kind: str, spec: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    """What can be enforced is accepted; what would surprise its author is said."""
    assert judge(kind, spec) == Accept(warnings)


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("IngressPolicy", {"rules": [rule(methods=["get"])]}, 'spec.rules[0].methods[0]: got "get"'),
        ("Identity", {"provider": "A"}, 'spec.provider: got "A"'),
        ("Secret", {}, 'kind: got "Secret"'),
        ("IdentityProvider", {**PROVIDER, "config": {"issuer": 1}}, "spec.config.issuer: got 1, wanted"),
        ("IdentityProvider", {**PROVIDER, "config": {"isuer": "x"}}, "spec.config: got the unknown field isuer"),
        ("ClusterIdentityProvider", {**PROVIDER, "type": "no.such"}, "no plugin for the provider type no.such"),
    ],
)
def test_wrong_objects_are_refused_with_their_path(kind: str, spec: dict[str, Any], text: str) -> None:
    """The author learns the path, what came and what was wanted; for a plugin, which ones there are."""
    verdict = judge(kind, spec)
    assert isinstance(verdict, Refuse)
    assert verdict.code == 422
    assert text in verdict.why


def with_provider(**spec: Any) -> DocumentCluster:
    return DocumentCluster([{**document("IdentityProvider", spec, namespace="shop"), "metadata": {"name": "local"}}])


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        ({**PROVIDER, "audiencePerDestination": True}, "with audiencePerDestination, this provider must know"),
        ({**PROVIDER, "audience": ""}, "the provider local cannot be read: spec.audience"),
    ],
)
def test_an_identity_that_its_provider_cannot_serve_is_refused(provider: dict[str, Any], text: str) -> None:
    """An impossible combination is told to the author of the Identity, not to those of its pods."""
    verdict = judge("Identity", {"provider": "local"}, with_provider(**provider))
    assert isinstance(verdict, Refuse)
    assert text in verdict.why


def test_an_identity_in_a_namespace_that_is_not_selected_hears_of_it() -> None:
    """It may come before the label of its namespace; its pods may not."""
    wide = document("ClusterIdentityProvider", {**PROVIDER, "namespaceSelector": {"matchLabels": {"mesh": "yes"}}})
    cluster = DocumentCluster([{**wide, "metadata": {"name": "local"}}])
    verdict = judge("Identity", {"provider": "local"}, cluster)
    assert isinstance(verdict, Accept)
    assert "no ClusterIdentityProvider local whose namespaceSelector selects it" in verdict.warnings[0]
    selected = DocumentCluster(cluster.documents, labels={"shop": {"mesh": "yes"}})
    assert judge("Identity", {"provider": "local"}, selected) == Accept()


def test_an_object_that_is_being_deleted_may_go() -> None:
    """A finalizer can be taken off an object whose provider has become unusable."""
    spec = {**PROVIDER, "type": "no.such"}
    assert judge("IdentityProvider", spec, deletionTimestamp="2026-01-01T00:00:00Z") == Accept()


class Silent(DocumentCluster):
    """A cluster that does not answer."""

    def get(self, *_: object) -> None:
        raise ClusterError("no answer")


def test_a_silent_api_server_refuses_for_now() -> None:
    """What cannot be judged is not stored."""
    verdict = judge("Identity", {"provider": "local"}, Silent())
    assert isinstance(verdict, Refuse)
    assert verdict.code == 503
