"""Providers are named so that an Identity's mark means one of them."""

from aegis_api.metadata import Metadata
from aegis_api.provider import AnyProvider, ClusterIdentityProvider, IdentityProvider, ProviderSpec
from aegis_reconcile.plan.answers import THROTTLED, Problem, Usable
from support.provider_in_memory import ProviderInMemory

SPEC = ProviderSpec("memory", "aegis")


def usable(provider: AnyProvider) -> Usable:
    return Usable(provider, ProviderInMemory(), "hvs.secret", makes_objects=False)


def test_reference_tells_the_two_kinds_apart() -> None:
    """A namespace's own provider and the cluster's of the same name are two."""
    assert usable(IdentityProvider(Metadata("idp", "shop"), SPEC)).reference == "IdentityProvider/idp"
    assert usable(ClusterIdentityProvider(Metadata("idp"), SPEC)).reference == "ClusterIdentityProvider/idp"


def test_a_provider_that_cannot_be_asked_now_is_an_outage() -> None:
    """One that refuses an identity may well take the next one."""
    assert Problem("ProviderUnreachable", "x", reachable=False).is_outage
    assert Problem(THROTTLED, "x", reachable=True).is_outage
    assert not Problem("ProviderRefused", "x", reachable=True).is_outage
    assert not Problem("Misconfigured", "x").is_outage


def test_settings_do_not_show() -> None:
    """Settings may name secrets; no text of a value shows them."""
    assert "hvs." not in repr(usable(IdentityProvider(Metadata("idp", "shop"), SPEC)))
