"""ServiceAccount tokens as a provider judges them: by the keys that the cluster publishes."""

from collections.abc import Iterator

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance import Cluster
from aegis_idp.conformance.signing import SigningKey
from aegis_idp_fakes.assertions import Assertion, BadAssertion, Fault, judged, unverified
from support.api_cluster import AsPod

ORDERS = Subject("shop", "orders")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(public=True) as cluster:
        yield cluster


def fault(token: str, issuer: str, algorithm: str = "ES256") -> Fault:
    with pytest.raises(BadAssertion) as caught:
        judged(token, issuer, (algorithm,))
    return caught.value.fault


def test_a_good_token_says_who_and_for_whom(cluster: Cluster) -> None:
    """Also after the cluster has changed its key."""
    for _ in range(2):
        found = judged(cluster.token(ORDERS, "aegis").reveal(), cluster.issuer, ("ES256",))
        assert isinstance(found, Assertion)
        assert (found.issuer, found.subject, found.audiences) == (cluster.issuer, str(ORDERS), ("aegis",))
        cluster.keys.rotate()
    claims = {**cluster.claims(ORDERS, "aegis"), "aud": "one"}
    assert judged(cluster.keys.current.sign(claims), cluster.issuer, ("ES256",)).audiences == ("one",)


def test_everything_else_is_refused(cluster: Cluster) -> None:
    """Each for its own reason."""
    good, key = cluster.claims(ORDERS, "aegis"), cluster.keys.current
    issuer = cluster.issuer
    assert fault("no.token.here", issuer) is Fault.MALFORMED
    assert fault(key.sign(good), issuer, "RS256") is Fault.ALGORITHM
    assert fault(SigningKey.make().sign(good, kid=key.kid), issuer) is Fault.SIGNATURE
    assert fault(SigningKey.make().sign(good), issuer) is Fault.SIGNATURE
    assert fault(key.sign({**good, "exp": 1}), issuer) is Fault.EXPIRED
    assert fault(key.sign({**good, "nbf": 2**33}), issuer) is Fault.EXPIRED
    assert fault(key.sign({**good, "iss": "https://other"}), issuer) is Fault.CLAIMS
    assert fault(key.sign({name: value for name, value in good.items() if name != "sub"}), issuer) is Fault.CLAIMS
    assert fault(key.sign(good), "http://127.0.0.1:1") is Fault.UNREACHABLE


def test_clocks_may_be_apart_where_a_provider_says_so(cluster: Cluster) -> None:
    """So many seconds, and no more."""
    token = cluster.token(ORDERS, "aegis", -30).reveal()
    assert judged(token, cluster.issuer, ("ES256",), grace=9000).subject == str(ORDERS)
    with pytest.raises(BadAssertion) as caught:
        judged(token, cluster.issuer, ("ES256",), grace=20)
    assert caught.value.fault is Fault.EXPIRED


def test_a_private_cluster_cannot_be_reached() -> None:
    """Its API server wants credentials for discovery."""
    with Cluster() as private:
        assert fault(private.token(ORDERS, "a").reveal(), private.issuer) is Fault.UNREACHABLE


def test_the_issuer_is_looked_up_before_anything_is_verified() -> None:
    """What is no JWT has none."""
    assert unverified(SigningKey.make().sign({"iss": "https://i"})) == {"iss": "https://i"}
    with pytest.raises(BadAssertion):
        unverified("x")


def test_a_private_cluster_may_be_reached_another_way() -> None:
    """As by somebody who gave its keys to the provider: the host of a fake says how issuers' documents are fetched."""
    with Cluster() as private:
        token = private.token(ORDERS, "a").reveal()
        assert judged(token, private.issuer, ("ES256",), AsPod(private.http())).subject == str(ORDERS)
