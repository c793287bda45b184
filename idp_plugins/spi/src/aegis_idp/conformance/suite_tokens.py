"""Tokens: for the right subject and audience, and only from good credentials."""

# These are tests: asserts are what they consist of.

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.conformance.verifying import TokenRefused, verified
from aegis_idp.conformance.wires import Cancelled, Pausing, Tapped, cancel, in_turns
from aegis_idp.errors import Misconfigured, ProviderError
from aegis_idp.values import Secret, SecretKey

_ORDERS, _SAME_NAME, _STOCK = Subject("shop", "orders"), Subject("bank", "orders"), Subject("shop", "stock")
# Providers take clocks to be minutes apart: Cognito five, others fewer.
_LONG_EXPIRED = 900


class TokenSuite:
    def test_a_token_is_for_its_subject_and_audience(self, provider: ProviderUnderTest) -> None:
        """A token passes the plugin's own trust() and subject(), with just the mounts that pod_needs() names."""
        provider.make_known(_ORDERS)
        claims = verified(provider, _acquired(provider, provider.mounts(_ORDERS)), provider.audience)
        assert provider.subject(claims) == _ORDERS

    def test_a_token_is_no_good_for_another_audience(self, provider: ProviderUnderTest) -> None:
        """What one audience accepts, another refuses."""
        provider.make_known(_ORDERS)
        token = _acquired(provider, provider.mounts(_ORDERS))
        with pytest.raises(TokenRefused):
            verified(provider, token, f"{provider.audience}-of-another-mesh")

    def test_a_token_for_one_destination_is_no_good_at_another(self, provider: ProviderUnderTest) -> None:
        """Where the provider can have an audience per destination, each token holds its own alone."""
        here, there = "stock.shop.svc", "bills.bank.svc"
        try:
            provider.needs(_ORDERS, (here, there))
        except Misconfigured:
            return  # said at admission, which another test looks at
        provider.make_known(_ORDERS, (here, there))
        mounts = provider.mounts(_ORDERS, (here, there))
        token = _acquired(provider, mounts, here)
        assert verified(provider, token, here)
        assert verified(provider, _acquired(provider, mounts, there), there)
        with pytest.raises(TokenRefused):
            verified(provider, token, there)

    def test_namesakes_of_two_namespaces_are_two_subjects(self, provider: ProviderUnderTest) -> None:
        """The same name in another namespace is somebody else."""
        for subject in (_ORDERS, _SAME_NAME):
            provider.make_known(subject)
        for subject in (_ORDERS, _SAME_NAME):
            claims = verified(provider, _acquired(provider, provider.mounts(subject)), provider.audience)
            assert provider.subject(claims) == subject

    def test_nothing_is_kept_between_calls(self, provider: ProviderUnderTest) -> None:
        """Calls for two subjects that take turns do not meet, and leave the plugin as it was."""
        for subject in (_ORDERS, _STOCK):
            provider.make_known(subject)
        before = dict(getattr(provider.plugin, "__dict__", {}))
        http = Pausing(provider.http)
        tokens = in_turns(
            *(
                provider.plugin.acquire(provider.settings, provider.mounts(subject).request(provider.audience), http)
                for subject in (_ORDERS, _STOCK)
            )
        )
        claims = [verified(provider, token, provider.audience) for token in tokens]
        assert [provider.subject(claim) for claim in claims] == [_ORDERS, _STOCK]
        assert dict(getattr(provider.plugin, "__dict__", {})) == before

    def test_each_call_reads_the_mounted_files(self, provider: ProviderUnderTest) -> None:
        """A renewed ServiceAccount token or Secret is used by the next call: nothing of the last one is left."""
        provider.make_known(_ORDERS)
        mounts = provider.mounts(_ORDERS)
        _acquired(provider, mounts)
        read = list(mounts.read)
        assert read, "acquire() shows the provider no credential"
        provider.cluster.keys.rotate()
        mounts.tokens = {audience: provider.cluster.token(_ORDERS, audience) for audience in mounts.tokens}
        assert verified(provider, _acquired(provider, mounts), provider.audience)
        assert mounts.read == read * 2

    def test_bad_credentials_lead_to_no_good_token(self, provider: ProviderUnderTest) -> None:
        """An expired, foreign or forged ServiceAccount token and a wrong Secret get nothing that a proxy accepts.

        They come after a good call, so a cached token would show.
        """
        provider.make_known(_ORDERS)
        mounts = provider.mounts(_ORDERS)
        _acquired(provider, mounts)
        for bad in _spoilt(provider, mounts):
            try:
                token = _acquired(provider, bad)
            except ProviderError as error:
                assert_keeps(bad.all_secrets(), error)
            else:
                with pytest.raises(TokenRefused):
                    verified(provider, token, provider.audience)

    def test_missing_mounts_are_said(self, provider: ProviderUnderTest) -> None:
        """What is not mounted is our own side's fault, and reported as such."""
        provider.make_known(_ORDERS)
        with pytest.raises(Misconfigured):
            _acquired(provider, Mounts(_ORDERS, {}, {}))

    def test_a_cancelled_call_ends(self, provider: ProviderUnderTest) -> None:
        """A cancellation at any request comes out as it went in."""
        provider.make_known(_ORDERS)
        tap = Tapped(provider.http)
        run(provider.plugin.acquire(provider.settings, provider.mounts(_ORDERS).request(provider.audience), tap))
        for pause in range(len(tap.sent)):
            request = provider.mounts(_ORDERS).request(provider.audience)
            with pytest.raises(Cancelled):
                cancel(provider.plugin.acquire(provider.settings, request, Pausing(provider.http)), pause)


def _acquired(provider: ProviderUnderTest, mounts: Mounts, audience: str | None = None) -> Secret:
    request = mounts.request(audience or provider.audience)
    token = run(provider.plugin.acquire(provider.settings, request, provider.http))
    assert isinstance(token, Secret)
    return token


def _spoilt(provider: ProviderUnderTest, mounts: Mounts) -> list[Mounts]:
    """The same mounts with every ServiceAccount token spoilt in one way, or with every Secret wrong."""
    cluster, subject = provider.cluster, mounts.subject
    forger = SigningKey.make(cluster.keys.current.algorithm)

    def forged(audience: str) -> Secret:
        return Secret(forger.sign(cluster.claims(subject, audience), kid=cluster.keys.current.kid))

    bad_tokens = [
        {audience: cluster.token(subject, audience, seconds=-_LONG_EXPIRED) for audience in mounts.tokens},
        {audience: cluster.token(subject, f"not-{audience}") for audience in mounts.tokens},
        {audience: forged(audience) for audience in mounts.tokens},
        {audience: Secret("bm90.YQ.dG9rZW4") for audience in mounts.tokens},
    ]
    bad_secrets: dict[SecretKey, Secret] = {key: Secret("not-the-right-secret") for key in mounts.secrets}
    return [
        *(Mounts(subject, tokens, mounts.secrets, mounts.metadata) for tokens in bad_tokens if tokens),
        *([Mounts(subject, mounts.tokens, bad_secrets, mounts.metadata)] if bad_secrets else []),
    ]
