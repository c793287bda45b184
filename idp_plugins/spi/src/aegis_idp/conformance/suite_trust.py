"""Trust: whose tokens are good, and whose token one is."""

# These are tests: asserts are what they consist of.

import copy
from collections.abc import Mapping

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.conformance.verifying import key_set, verified
from aegis_idp.conformance.wires import Cancelled, Pausing, Tapped, cancel
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl

_ORDERS = Subject("shop", "orders")
_JUNK: tuple[object, ...] = (
    None,
    5,
    True,
    1e400,
    "",
    "*",
    " ",
    "system:serviceaccount:shop",
    "system:serviceaccount:shop:orders:x",
    "system:serviceaccount:shop:orders\r\nx: y",
    "system:serviceaccount:Shop:orders",
    "\ud800",
    [],
    ["system:serviceaccount:shop:orders"],
    [5],
    [[]],
    {},
    {"a": 1},
)


class TrustSuite:
    def test_trust_is_the_same_each_time(self, provider: ProviderUnderTest) -> None:
        """As long as nothing changes at the provider, neither does what is trusted."""
        first, second = (run(provider.plugin.trust(provider.settings, provider.http)) for _ in range(2))
        assert first == second
        assert first.issuer

    def test_the_keys_are_there(self, provider: ProviderUnderTest) -> None:
        """The key set that trust() names can be fetched, and holds a key, once the provider has an identity."""
        provider.make_known(_ORDERS)
        assert key_set(run(provider.plugin.trust(provider.settings, provider.http)), provider.http)

    def test_the_pods_own_token_goes_to_the_api_server_alone(self, provider: ProviderUnderTest) -> None:
        """Neither discovery nor the key set sends the pod's credentials anywhere else."""
        tap = Tapped(provider.http)
        trust = run(provider.plugin.trust(provider.settings, tap))
        urls = [sent.url for sent in tap.sent if sent.as_pod]
        if isinstance(trust.key_set, KeySetUrl) and trust.key_set.as_pod:
            urls.append(trust.key_set.url)
        assert all(url.startswith(f"{tap.api_server}/") for url in urls)

    def test_odd_claims_are_refused(self, provider: ProviderUnderTest) -> None:
        """Whatever a claim holds, the answer is the same subject, or ClaimRefused; and some claim decides."""
        claims = _good_claims(provider)
        deciding = set()
        for name in claims:
            for odd in ({key: value for key, value in claims.items() if key != name}, *_with_junk(claims, name)):
                try:
                    subject = provider.subject(odd)
                except ClaimRefused:
                    deciding.add(name)
                else:
                    assert subject == _ORDERS
        assert deciding

    def test_no_claims_are_refused(self, provider: ProviderUnderTest) -> None:
        """A token that says nothing is nobody's."""
        with pytest.raises(ClaimRefused):
            provider.subject({})

    def test_claims_are_left_alone(self, provider: ProviderUnderTest) -> None:
        """subject() reads the claims and does not change them: the proxy judges by them afterwards."""
        claims = dict(_good_claims(provider))
        before = copy.deepcopy(claims)
        provider.subject(claims)
        assert claims == before

    def test_a_cancelled_trust_ends(self, provider: ProviderUnderTest) -> None:
        """A cancellation at any request comes out as it went in."""
        tap = Tapped(provider.http)
        run(provider.plugin.trust(provider.settings, tap))
        for pause in range(len(tap.sent)):
            with pytest.raises(Cancelled):
                cancel(provider.plugin.trust(provider.settings, Pausing(provider.http)), pause)


def _good_claims(provider: ProviderUnderTest) -> Mapping[str, object]:
    provider.make_known(_ORDERS)
    request = provider.mounts(_ORDERS).request(provider.audience)
    token = run(provider.plugin.acquire(provider.settings, request, provider.http))
    return verified(provider, token, provider.audience)


def _with_junk(claims: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    return [{**claims, name: junk} for junk in _JUNK]
