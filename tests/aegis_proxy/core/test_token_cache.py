"""The cache says what `verify` would say, and keeps within its bounds: J26, J38 and J41 of the attack catalogue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.token_cache import TokenCache
from aegis_proxy.core.tokens import SKEW, TokenRefused, verify
from support.tokens import NOW, authorities, claims, mint, signing_key

KEY = signing_key("ES256")
KNOWN = authorities(KEY)
TOKENS = [mint(KEY, claims(jti=str(number))) for number in range(10, 16)]
SIZE = len(TOKENS[0])


def filled(*tokens: bytes, **bounds: int) -> TokenCache:
    cache = TokenCache(**bounds)
    for token in tokens:
        cache.put(token, verify(token, KNOWN, NOW), KNOWN)
    return cache


def held(cache: TokenCache) -> list[bytes]:
    return [token for token in TOKENS if cache.get(token, KNOWN, NOW)]


def test_a_token_that_was_put_is_found() -> None:
    """A hit is the very value, for equal bytes."""
    cache, verified = TokenCache(), verify(TOKENS[0], KNOWN, NOW)
    cache.put(TOKENS[0], verified, KNOWN)
    assert cache.get(bytes(bytearray(TOKENS[0])), KNOWN, NOW) is verified


def test_j41_other_bytes_are_another_token() -> None:
    """The same header and payload with another signature, or one byte more, is a miss."""
    cache = filled(TOKENS[0])
    head, _, signature = TOKENS[0].rpartition(b".")
    assert cache.get(head + b"." + signature[::-1], KNOWN, NOW) is None
    assert cache.get(TOKENS[0] + b"=", KNOWN, NOW) is None
    assert cache.get(b"", KNOWN, NOW) is None


def test_j09_j41_other_authorities_empty_the_cache() -> None:
    """Keys or settings may have changed: what an older mapping verified counts no more, even if they are equal."""
    cache, other = filled(*TOKENS), dict(KNOWN)
    assert cache.get(TOKENS[0], other, NOW) is None
    cache.put(TOKENS[1], verify(TOKENS[1], other, NOW), other)
    assert (len(cache), cache.bytes_held) == (1, filled(TOKENS[1]).bytes_held)
    assert cache.get(TOKENS[0], other, NOW) is None
    assert cache.get(TOKENS[1], KNOWN, NOW) is None
    assert cache.get(TOKENS[1], other, NOW)


def test_j38_an_expired_token_is_forgotten() -> None:
    """A hit ends with the token, on whatever connection it comes."""
    cache, end = filled(TOKENS[0]), NOW + 60 + SKEW
    assert cache.get(TOKENS[0], KNOWN, end - 0.001)
    assert cache.get(TOKENS[0], KNOWN, end) is None
    assert (len(cache), cache.bytes_held) == (0, 0)


def test_j26_a_clock_that_jumps_back_revives_nothing() -> None:
    """Before the token begins, a hit is a miss; what has expired stays forgotten and must be verified again."""
    cache = filled(TOKENS[0])
    assert cache.get(TOKENS[0], KNOWN, NOW - 3600) is None
    assert cache.get(TOKENS[0], KNOWN, NOW) is None
    cache = filled(TOKENS[0])
    assert cache.get(TOKENS[0], KNOWN, NOW + 3600) is None
    assert cache.get(TOKENS[0], KNOWN, NOW) is None


@given(st.floats(NOW - 4000, NOW + 4000), st.sampled_from([("nbf", -50), ("iat", 10), ("exp", 2000), ("exp", -20)]))
def test_j26_a_hit_is_what_verifying_says(now: float, change: tuple[str, int]) -> None:
    """At every moment a cached token is a hit just where `verify` takes it."""
    name, offset = change
    changed = {"nbf": NOW - 100, "iat": NOW - 100, "exp": NOW + 60, name: NOW + offset}
    known = authorities(KEY, max_lifetime=2000)
    token = mint(KEY, claims(**changed))
    cache = TokenCache()
    cache.put(token, verify(token, known, NOW), known)
    try:
        verify(token, known, now)
        good = True
    except TokenRefused:
        good = False
    assert (cache.get(token, known, now) is not None) is good


def test_the_oldest_go_first() -> None:
    """Beyond the bound of entries, those that came first are forgotten."""
    cache = filled(*TOKENS, max_entries=2)
    assert held(cache) == TOKENS[-2:]
    assert len(cache) == 2


def test_the_bytes_are_bounded() -> None:
    """Beyond the bound of bytes, those that came first are forgotten, so long tokens are held in smaller numbers."""
    cache = filled(*TOKENS, max_bytes=3 * (SIZE + 600))
    assert held(cache) == TOKENS[-3:]
    assert SIZE * 3 < cache.bytes_held <= 3 * (SIZE + 600)


def test_a_token_over_the_bound_is_not_kept() -> None:
    """What alone is too large leaves an empty cache, not an endless search for room."""
    cache = filled(TOKENS[0], max_bytes=10)
    assert (len(cache), cache.bytes_held) == (0, 0)


def test_a_token_that_is_put_twice_counts_once() -> None:
    """Two requests may verify the same token at the same time."""
    cache = filled(TOKENS[0], TOKENS[0])
    assert (len(cache), cache.bytes_held) == (1, filled(TOKENS[0]).bytes_held)


@given(st.lists(st.tuples(st.sampled_from(TOKENS), st.sampled_from([NOW, NOW + 9999])), max_size=30))
def test_the_count_of_bytes_is_that_of_the_entries(steps: list[tuple[bytes, float]]) -> None:
    """Whatever is put, hit, expired and evicted, the bytes are those of what is held."""
    cache = TokenCache(max_entries=4)
    for token, now in steps:
        if cache.get(token, KNOWN, now) is None:
            cache.put(token, verify(token, KNOWN, NOW), KNOWN)
    assert len(cache) <= 4
    assert cache.bytes_held == len(cache) * filled(TOKENS[0]).bytes_held


def test_refused_tokens_are_not_kept() -> None:
    """Only what `verify` returned can be put: a stranger fills nothing."""
    cache = TokenCache()
    with pytest.raises(TokenRefused):
        cache.put(TOKENS[0], verify(TOKENS[0], {}, NOW), {})
    assert len(cache) == 0
