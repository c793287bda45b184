"""What a name means, and what the API server must be asked to know it."""

import pytest

from aegis_api.identity import read_identity
from aegis_api.reading import Node
from aegis_reconcile.objects import CLUSTER_IDENTITY_PROVIDER, IDENTITY_PROVIDER, NAMESPACE, Key
from aegis_reconcile.observe import (
    meshed_namespaces,
    observe_identity,
    observe_rights,
    provider_document,
    provider_key,
    usable_provider,
)
from aegis_reconcile.plan.answers import Problem, Usable
from aegis_reconcile.plan.identities import Observed
from support.reconciling import Mesh


def found(mesh: Mesh, name: str, namespace: str = "shop") -> str:
    """The key that a provider's name means, or the reason why none."""
    document = provider_document(mesh.cluster, namespace, name)
    return document.reason if isinstance(document, Problem) else str(provider_key(document))


def test_name_of_a_provider_means_the_nearest() -> None:
    """The namespace's own, else the cluster's if it selects the namespace, else none."""
    mesh = Mesh("shop", "bank")
    mesh.provider("both")
    mesh.cluster_provider("both", namespaceSelector={})
    mesh.cluster_provider("closed")
    assert found(mesh, "both") == "IdentityProvider shop/both"
    assert found(mesh, "both", "bank") == "ClusterIdentityProvider both"
    assert found(mesh, "closed") == "ProviderNotAllowed"
    assert found(mesh, "none") == "ProviderNotFound"


def test_unreadable_cluster_provider_is_found_and_unusable() -> None:
    """A provider that the parser refuses says so, whoever may use it; nobody is granted to read it."""
    mesh = Mesh()
    mesh.cluster_provider("wide", namespaceSelector={"matchLabels": 1})
    document = provider_document(mesh.cluster, "shop", "wide")
    usable = usable_provider(mesh.reconciler.asker, document)
    assert isinstance(usable, Problem)
    assert usable.reason == "ProviderInvalid"
    assert "spec.namespaceSelector.matchLabels" in usable.message
    mesh.account("cart")
    mesh.pod(provider="wide")
    rights = observe_rights(mesh.cluster, "shop")
    assert rights is not None
    assert rights.needs[0].cluster_providers == frozenset()


def test_selector_of_a_namespace_that_is_gone_sees_no_labels() -> None:
    """A namespace that cannot be found has no labels to match."""
    mesh = Mesh()
    mesh.cluster_provider("wide", namespaceSelector={"matchLabels": {"a": "b"}})
    del mesh.cluster.objects[Key(NAMESPACE, "", "shop")]
    assert found(mesh, "wide") == "ProviderNotAllowed"


def observed(mesh: Mesh, key: Key) -> Observed:
    document = mesh.cluster.objects[key]
    return observe_identity(
        mesh.cluster, mesh.reconciler.asker, document, read_identity(Node(document)), thorough=False
    )


def test_provider_counts_when_its_own_status_says_so() -> None:
    """A provider not looked at yet is pending, one with a problem is not ready, a ready one is usable."""
    mesh = Mesh()
    provider, key = mesh.provider(), mesh.identity()
    pending = observed(mesh, key).provider
    assert isinstance(pending, Problem)
    assert pending.reason == "ProviderPending"
    mesh.settle()
    assert isinstance(observed(mesh, key).provider, Usable)
    mesh.provider(audience="other")
    assert isinstance(observed(mesh, key).provider, Problem)
    conditions = [{"type": "Ready", "status": "False", "reason": "Down", "message": "m"}]
    mesh.cluster.put(provider.resource, "idp", "shop", status={"observedGeneration": 2, "conditions": conditions})
    not_ready = observed(mesh, key).provider
    assert isinstance(not_ready, Problem)
    assert not_ready.reason == "ProviderNotReady"
    assert not_ready.reachable is None


@pytest.mark.parametrize(
    ("mark", "holder"),
    [
        ("IdentityProvider/idp", "IdentityProvider/idp"),
        ("ClusterIdentityProvider/closed", "ClusterIdentityProvider/closed"),
        ("", "IdentityProvider/idp"),
        ("Secret/idp", "IdentityProvider/idp"),
        ("IdentityProvider/../x", "IdentityProvider/idp"),
        ("IdentityProvider/gone", "ProviderNotFound"),
    ],
)
def test_mark_names_the_provider_that_must_clean_up(mark: str, holder: str) -> None:
    """Also one that no longer selects the namespace; a mark that says nothing means the spec's provider."""
    mesh = Mesh()
    mesh.provider("idp")
    mesh.cluster_provider("closed")
    mesh.settle()
    key = mesh.identity()
    marks = {"aegisproxy.io/provisioned-by": mark} if mark else {}
    mesh.cluster.put(key.resource, "cart", "shop", annotations=marks, finalizers=["aegisproxy.io/provider"])
    seen = observed(mesh, key)
    assert seen.cluster
    (found,) = seen.holders.values()
    assert (found.reference if isinstance(found, Usable) else found.reason) == holder


def test_rights_observe_what_is_ours_and_what_bears_our_names() -> None:
    """A pod whose Identity is gone or odd still has its other rights."""
    mesh = Mesh()
    mesh.account("cart")
    mesh.identity("odd", provider="../x")
    mesh.pod("one", identity="odd", policies=["p"])
    mesh.pod("two", identity="gone")
    rights = observe_rights(mesh.cluster, "shop")
    assert rights is not None
    (needs,) = rights.needs
    assert needs.identities == {"odd", "gone"}
    assert needs.providers == frozenset()
    assert rights.existing == {}


def test_meshed_namespaces_have_pods_or_leftovers() -> None:
    """Namespaces are found by their pods, their roles, and by the cluster roles made for them."""
    mesh = Mesh("pods", "roles", "wide", "plain")
    mesh.cluster_provider(namespaceSelector={})
    for space in ("pods", "wide"):
        mesh.account("cart", space)
        mesh.pod(namespace=space, provider="wide")
    mesh.settle()
    for key in list(mesh.cluster.objects):
        if key.namespace == "wide":
            del mesh.cluster.objects[key]
    assert meshed_namespaces(mesh.cluster) == ["pods", "wide"]
    assert provider_key(mesh.cluster.objects[mesh.cluster_provider()]).resource == CLUSTER_IDENTITY_PROVIDER
    assert provider_key({"kind": "IdentityProvider"}).resource == IDENTITY_PROVIDER
