"""What the cluster grants to a pod; the cases in `tests/cases/webhook` hold the refusals."""

import pytest

from aegis_idp import discovery
from aegis_idp.values import PodNeeds, ProjectedToken
from aegis_webhook.decision import Refused
from aegis_webhook.grants import grant_for, missing_policies
from aegis_webhook.settings import Egress, Ingress, PodSettings
from support.admission import DocumentCluster, usual_cluster


def test_a_pod_with_an_identity_gets_what_its_plugin_needs() -> None:
    """The provider of the Identity says what is mounted."""
    grant = grant_for(PodSettings(None, Egress(), "orders", "local"), "shop", usual_cluster(), discovery.load)
    assert grant.identity
    assert grant.identity.service_account == "orders"
    assert grant.needs == PodNeeds((ProjectedToken("aegis", 3600),))


def test_a_pod_without_an_identity_needs_nothing() -> None:
    """Who only judges tokens needs none."""
    grant = grant_for(PodSettings(Ingress(), None, provider="local"), "shop", usual_cluster(), discovery.load)
    assert grant.identity is None
    assert grant.needs == PodNeeds()


def broken(kind: str, **spec: object) -> DocumentCluster:
    cluster = usual_cluster()
    for document in cluster.documents:
        if document["kind"] == kind:
            document["spec"] |= spec
    return cluster


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        (broken("Identity", provider="A"), 'Identity shop/orders cannot be read: spec.provider: got "A"'),
        (broken("IdentityProvider", audience=""), "the provider local cannot be read: spec.audience"),
        (broken("IdentityProvider", config={"issuer": 1}), "IdentityProvider local: spec.config.issuer: got 1"),
        (broken("IdentityProvider", audiencePerDestination=True), "cannot be used: with audiencePerDestination"),
    ],
    ids=["identity", "provider", "settings", "impossible"],
)
def test_objects_that_cannot_be_used_refuse_the_pod(cluster: DocumentCluster, text: str) -> None:
    """What the API server holds may be older than this webhook; the pod's author learns which object it is."""
    with pytest.raises(Refused) as error:
        grant_for(PodSettings(None, Egress(), "orders"), "shop", cluster, discovery.load)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("ingress", "missing"),
    [(None, ()), (Ingress(policies=("orders",)), ()), (Ingress(policies=("orders", "other")), ("other",))],
)
def test_missing_policies_are_named(ingress: Ingress | None, missing: tuple[str, ...]) -> None:
    """A policy that is not there yet does not hinder the pod."""
    settings = PodSettings(ingress, Egress(), "orders")
    assert missing_policies(settings, "shop", usual_cluster()) == missing
