"""Keys and clocks: what is signed stays verifiable while keys change and clocks differ."""

# These are tests: asserts are what they consist of.

import time

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.conformance.verifying import LEEWAY_SECONDS, TokenRefused, verified, verified_by
from aegis_idp.values import Secret, Trust

_ORDERS = Subject("shop", "orders")
_APART_SECONDS = 25
_SHORTEST_USE = 60


class KeySuite:
    def test_new_keys_are_found_where_the_old_ones_were(self, provider: ProviderUnderTest) -> None:
        """After a rotation, what trust() said before still leads to the new key; and to the old one while it is there.

        So a proxy that fetches the key set again, as it does for an unknown key id, goes on without a gap.
        """
        if provider.rotate is None:
            return
        provider.make_known(_ORDERS)
        trust, old = _trust(provider), _acquired(provider)
        provider.rotate(True)
        new = _acquired(provider)
        assert verified_by(trust, provider.http, old, provider.audience)
        assert verified_by(trust, provider.http, new, provider.audience)
        assert _trust(provider) == trust

    def test_a_withdrawn_key_is_good_no_more(self, provider: ProviderUnderTest) -> None:
        """A key that leaked is withdrawn at once: its tokens are refused, and those of the new key are good."""
        if provider.rotate is None:
            return
        provider.make_known(_ORDERS)
        trust, old = _trust(provider), _acquired(provider)
        assert verified_by(trust, provider.http, old, provider.audience)
        provider.rotate(False)
        assert verified_by(trust, provider.http, _acquired(provider), provider.audience)
        with pytest.raises(TokenRefused):
            verified_by(trust, provider.http, old, provider.audience)

    def test_clocks_may_differ(self, provider: ProviderUnderTest) -> None:
        """A proxy whose clock is 25 s behind or ahead of the provider's takes a fresh token for a minute at least."""
        provider.make_known(_ORDERS)
        claims = verified(provider, _acquired(provider), provider.audience)
        now, times = time.time(), {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
        assert all(isinstance(value, int | float) for value in times.values())
        begins = max(float(times.get(name, 0)) for name in ("iat", "nbf"))  # type: ignore[arg-type]  # checked above
        assert begins - LEEWAY_SECONDS <= now - _APART_SECONDS, "a proxy whose clock is behind refuses it"
        ends = float(times["exp"])  # type: ignore[arg-type]  # same
        assert ends + LEEWAY_SECONDS >= now + _APART_SECONDS + _SHORTEST_USE, "a proxy whose clock is ahead refuses it"


def _trust(provider: ProviderUnderTest) -> Trust:
    return run(provider.plugin.trust(provider.settings, provider.http))


def _acquired(provider: ProviderUnderTest) -> Secret:
    request = provider.mounts(_ORDERS).request(provider.audience)
    return run(provider.plugin.acquire(provider.settings, request, provider.http))
