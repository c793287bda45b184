"""Which tokens are projected."""

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken
from aegis_idp_kubernetes.needs import needs_of
from aegis_idp_kubernetes.settings import KubernetesSettings


def _needs(*hosts: str, audience: str = "aegis", each: bool = False, issuer: str | None = None) -> PodNeeds:
    pod = PodContext(Subject("shop", "orders"), audience, each, tuple(map(HostPattern, hosts)))
    return needs_of(KubernetesSettings(issuer, 900), pod)


def test_one_token_for_the_mesh() -> None:
    """With one audience, the hosts do not matter."""
    assert _needs("*.svc") == PodNeeds((ProjectedToken("aegis", 900),))


def test_one_token_for_each_destination() -> None:
    """Each exact host is its own audience, once, in the order of the Identity."""
    needs = _needs("stock.shop.svc", "bills.bank.svc", "stock.shop.svc", each=True)
    assert needs == PodNeeds((ProjectedToken("stock.shop.svc", 900), ProjectedToken("bills.bank.svc", 900)))


def test_no_destination_needs_no_token() -> None:
    """An Identity that may call nobody has nothing mounted."""
    assert _needs(each=True) == PodNeeds()


def test_a_wildcard_cannot_be_projected() -> None:
    """The error names the patterns and the way out."""
    with pytest.raises(Misconfigured, match=r"\*\.svc, \*\.example stands for many: list the exact hosts"):
        _needs("*.svc", "stock.shop.svc", "*.example", each=True)


@pytest.mark.parametrize(
    ("audience", "issuer"),
    [
        ("https://kubernetes.default.svc", None),
        ("https://kubernetes.default.svc.cluster.local", None),
        ("https://issuer.example", "https://issuer.example"),
    ],
)
def test_the_api_servers_audience_is_refused(audience: str, issuer: str | None) -> None:
    """Whoever receives such a token could act as the caller at the API server (attack J35)."""
    with pytest.raises(Misconfigured, match=f"the audience {audience} is the API server's own"):
        _needs("*.svc", audience=audience, issuer=issuer)
