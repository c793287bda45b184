"""Issuer and keys."""

import pytest

from aegis_idp.blocking import run
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import KeySetUrl, Trust
from aegis_idp_kubernetes.keys import trust_of
from aegis_idp_kubernetes.settings import KubernetesSettings
from support.fake_http import FakeHttp, answer

API, ISSUER = "https://10.0.0.1:443", "https://issuer.example"
PATH = "/.well-known/openid-configuration"


def _trust(settings: KubernetesSettings, answers: dict[str, Response], api_server: str | None = API) -> Trust:
    return run(trust_of(settings, FakeHttp(answers, api_server)))


def test_inside_the_api_server_says_all() -> None:
    """The issuer is what it names, and the keys are at its own address, whatever address it advertises."""
    document = {"issuer": ISSUER, "jwks_uri": "https://192.168.7.7:6443/openid/v1/jwks"}
    http = FakeHttp({API + PATH: answer(document)}, API)
    trust = run(trust_of(KubernetesSettings(), http))
    assert trust.issuer == ISSUER
    assert trust.key_set == KeySetUrl(f"{API}/openid/v1/jwks", as_pod=True)
    assert trust.algorithms == {"RS256", "ES256", "ES384", "ES512"}
    assert trust.types == frozenset()
    assert [sent.as_pod for sent in http.sent] == [True]


def test_a_set_issuer_is_compared() -> None:
    """Byte for byte; the same passes."""
    answers = {API + PATH: answer({"issuer": ISSUER})}
    assert _trust(KubernetesSettings(ISSUER), answers).issuer == ISSUER
    with pytest.raises(
        Misconfigured, match=r"config\.issuer says https://issuer\.example/: set exactly the former or nothing"
    ):
        _trust(KubernetesSettings(f"{ISSUER}/"), answers)


def test_outside_the_issuer_says_all() -> None:
    """Without an API server, discovery is public."""
    document = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
    trust = _trust(KubernetesSettings(ISSUER), {ISSUER + PATH: answer(document)}, None)
    assert (trust.issuer, trust.key_set) == (ISSUER, KeySetUrl(f"{ISSUER}/keys"))


def test_outside_an_issuer_is_needed() -> None:
    """There is nobody to ask for it."""
    with pytest.raises(Misconfigured, match=r"set config\.issuer"):
        _trust(KubernetesSettings(), {}, None)


def test_a_missing_right_is_named() -> None:
    """403 at discovery has one cause, and the error names the ClusterRole."""
    with pytest.raises(Refused, match=r"status 403.*system:service-account-issuer-discovery"):
        _trust(KubernetesSettings(), {API + PATH: answer({"kind": "Status"}, 403)})


@pytest.mark.parametrize("issuer", [None, 5, ""])
def test_a_document_without_issuer_is_none(issuer: object) -> None:
    """It says nothing, so it is asked for again."""
    with pytest.raises(Unavailable, match="names no issuer"):
        _trust(KubernetesSettings(), {API + PATH: answer({"issuer": issuer})})
