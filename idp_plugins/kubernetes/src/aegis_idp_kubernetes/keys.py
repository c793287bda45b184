"""Whose tokens are good: the issuer and the keys of the cluster's ServiceAccount tokens."""

from collections.abc import Mapping

from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Http
from aegis_idp.openid import discover
from aegis_idp.redaction import quoted
from aegis_idp.values import KeySetUrl, Trust
from aegis_idp_kubernetes.settings import KubernetesSettings

# What kube-apiserver signs with (--service-account-signing-key-file: RSA, or ECDSA on three curves).
_ALGORITHMS = frozenset({"RS256", "ES256", "ES384", "ES512"})

_HINTS: Mapping[int, str] = {
    401: "it does not take the token of this pod's ServiceAccount: is that of this cluster, and does it live still?",
    403: "the ClusterRole system:service-account-issuer-discovery must be bound to the group system:serviceaccounts, "
    "as it is by default",
}


async def trust_of(settings: KubernetesSettings, http: Http) -> Trust:
    if http.api_server is not None:
        issuer = await _issuer_at(http.api_server, settings, http)
        # Always the API server's own address: the advertised one may be neither reachable nor vouched for from a pod.
        keys = KeySetUrl(f"{http.api_server}/openid/v1/jwks", as_pod=True)
    elif settings.issuer is not None:
        issuer = settings.issuer
        keys = KeySetUrl((await discover(http, issuer)).jwks_uri)
    else:
        raise Misconfigured(
            "there is no API server at hand to ask for the issuer of ServiceAccount tokens: set config.issuer"
        )
    return Trust(issuer, keys, _ALGORITHMS, types=frozenset())


async def _issuer_at(api_server: str, settings: KubernetesSettings, http: Http) -> str:
    """The issuer that the API server names (Kubernetes: ServiceAccount issuer discovery)."""
    what = f"issuer discovery at the API server {api_server}"
    url = f"{api_server}/.well-known/openid-configuration"
    response = await http.request("GET", url, headers={"accept": "application/json"}, as_pod=True)
    try:
        issuer = response.good_answer(what).get("issuer")
    except Refused as error:
        hint = _HINTS.get(response.status, f"is {api_server} the API server?")
        raise Refused(f"{error}; {hint}", error.code) from error
    if not isinstance(issuer, str) or not issuer:
        raise Unavailable(f"{what}: the document names no issuer")
    if settings.issuer is not None and issuer != settings.issuer:
        raise Misconfigured(
            f"{what}: the issuer is {quoted(issuer, ())}, and config.issuer says {settings.issuer}: set exactly the "
            "former or nothing; for another cluster's tokens use a provider of the type oidc"
        )
    return issuer
