"""What the cluster grants to a pod; the cases in `tests/cases/webhook` hold the refusals."""

from typing import Any

import pytest
from attrs import evolve

from aegis_api.resources import API_VERSION
from aegis_idp import discovery
from aegis_idp.values import PodNeeds, ProjectedToken, SecretKey
from aegis_webhook.decision import Refused
from aegis_webhook.grants import _together, grant_for, missing_policies
from aegis_webhook.settings import Egress, Ingress, PodSettings
from support.admission import DocumentCluster, usual_cluster


def test_a_pod_with_an_identity_gets_what_its_plugin_needs() -> None:
    """The provider of the Identity says what is mounted."""
    grant = grant_for(PodSettings(None, Egress(), "orders", ("local",)), "shop", usual_cluster(), discovery.load)
    assert grant.identity
    assert grant.identity.service_account == "orders"
    assert grant.needs == PodNeeds((ProjectedToken("aegis", 3600),))


def test_a_pod_without_an_identity_needs_nothing() -> None:
    """Who only judges tokens needs none."""
    grant = grant_for(PodSettings(Ingress(), None, providers=("local",)), "shop", usual_cluster(), discovery.load)
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


def with_providers(*documents: dict[str, Any]) -> DocumentCluster:
    """The usual cluster with more providers in it."""
    cluster = usual_cluster()
    about = {"apiVersion": API_VERSION, "kind": "IdentityProvider"}
    cluster.documents.extend({**about, **document} for document in documents)
    return cluster


def oidc(name: str, issuer: str = "", **config: Any) -> dict[str, Any]:
    settings = {"issuer": f"https://{name}.example", "grant": "client_assertion", "clientId": "{name}", **config}
    spec = {"type": "oidc", "audience": "aegis", "config": settings}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": {"issuer": issuer}}


MOVING = PodSettings(Ingress(), Egress(), "orders", ("new", "local"))


def test_a_pod_has_what_each_of_its_providers_needs() -> None:
    """So that its Identity can move while it runs; that of today comes first, wherever it is in the list."""
    grant = grant_for(MOVING, "shop", with_providers(oidc("new", "https://new.example")), discovery.load)
    assert (grant.warnings, [token.audience for token in grant.needs.tokens]) == ((), ["aegis", "https://new.example"])


def test_the_same_need_is_met_once() -> None:
    """A file for each audience, with the life that suits both; Secrets of both."""
    secret = {"secretRef": {"name": "client", "key": "secret"}}
    other = oidc("new", grant="client_credentials", clientSecret=secret["secretRef"])
    third = oidc("third", issuer="https://third.example", assertionAudience="aegis")
    settings = evolve(MOVING, providers=("local", "new", "third"))
    needs = grant_for(settings, "shop", with_providers(other, third), discovery.load).needs
    assert [token.audience for token in needs.tokens] == ["aegis"]
    assert needs.secrets == (SecretKey("client", "secret"),)


def test_the_shorter_life_suits_both() -> None:
    """A plugin that wants short tokens gets them, whoever comes first."""
    short, long = PodNeeds((ProjectedToken("a", 600),)), PodNeeds((ProjectedToken("a", 3600),))
    assert _together(short, long) == _together(long, short) == short


def test_a_provider_that_the_identity_cannot_move_to_is_said() -> None:
    """Its callers may be welcome all the same."""
    grant = grant_for(MOVING, "shop", with_providers(oidc("new", grant="magic")), discovery.load)
    assert [token.audience for token in grant.needs.tokens] == ["aegis"]
    (warning,) = grant.warnings
    assert warning.startswith("the Identity orders could not move to the provider new: spec.config.grant: got")


def test_providers_of_one_issuer_are_refused() -> None:
    """The proxy would believe neither. Of one whose issuer is not known, nothing can be said yet."""
    twins = with_providers(oidc("one", "https://idp.example"), oidc("two", "https://idp.example"), oidc("three"))
    settings = PodSettings(Ingress(), None, providers=("one", "three", "two"))
    with pytest.raises(Refused) as error:
        grant_for(settings, "shop", twins, discovery.load)
    assert str(error.value) == (
        "aegisproxy.io/identity.provider names one and two, which have the same issuer https://idp.example: "
        "name one of them, for a token cannot say of which it is"
    )
    grant_for(evolve(settings, providers=("one", "three", "local")), "shop", twins, discovery.load)


def test_each_provider_must_be_there() -> None:
    """A misspelt name would refuse the callers of the right one."""
    with pytest.raises(Refused, match="there is no IdentityProvider new"):
        grant_for(MOVING, "shop", usual_cluster(), discovery.load)
