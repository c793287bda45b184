"""The values between plugins and hosts."""

import copy
import pickle

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import KeySetDocument, KeySetUrl, Owner, ProjectedToken, ProvisionRequest, Secret, Trust


def test_a_secret_shows_itself_to_reveal_alone() -> None:
    """Neither text, repr, format nor the repr of what holds it gives it away."""
    secret = Secret("s3cret-value")
    assert secret.reveal() == "s3cret-value"
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r:>30}", repr([secret]), repr({"a": secret})):
        assert "s3cret" not in text


def test_a_secret_is_neither_pickled_nor_copied() -> None:
    """A secret does not slip into a cache file or a crash report."""
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copied(Secret("s3cret-value"))


@pytest.mark.parametrize("seconds", [600, 3600, 86400])
def test_a_projected_token_lives_as_long_as_kubernetes_allows(seconds: int) -> None:
    """600 seconds to a day."""
    assert ProjectedToken("aegis", seconds).expiration_seconds == seconds


@pytest.mark.parametrize("seconds", [0, 599, 86401])
def test_other_lifetimes_are_refused(seconds: int) -> None:
    """What the kubelet would refuse cannot be built."""
    with pytest.raises(ValueError, match=f"600 to 86400 seconds, not {seconds}"):
        ProjectedToken("aegis", seconds)


@pytest.mark.parametrize("algorithms", [set(), {"none"}, {"HS256"}, {"RS256", "HS256"}, {"rs256"}])
def test_trust_takes_asymmetric_algorithms_alone(algorithms: set[str]) -> None:
    """Neither `none` nor a shared secret can be trusted, nor nothing at all."""
    with pytest.raises(ValueError, match="algorithms are some of"):
        Trust("https://issuer.example", KeySetUrl("https://issuer.example/keys"), frozenset(algorithms))


def test_trust_is_compared_by_value() -> None:
    """A host sees whether anything changed."""
    first, second = (
        Trust("https://i.example", KeySetDocument({"keys": [{"kid": "a"}]}), frozenset({"ES256"})) for _ in range(2)
    )
    assert first == second
    assert first != Trust("https://i.example", KeySetDocument({"keys": []}), frozenset({"ES256"}))


def test_a_host_without_a_token_says_so() -> None:
    """Provisioning by a host that has no ServiceAccount fails with a reason."""
    request = ProvisionRequest(Subject("shop", "orders"), Owner("c", "u"), "aegis", False, (HostPattern("*.svc"),))
    with pytest.raises(Misconfigured, match=r"no ServiceAccount token for the audience https://p\.example"):
        request.host_token_at("https://p.example")
    with pytest.raises(Misconfigured, match=r"no ServiceAccount token for the audience sts\.p\.example"):
        request.host_token("sts.p.example")
    with pytest.raises(Misconfigured, match="no secret admin-token"):
        request.host_secret("admin-token")
