"""Whose tokens are good, and whose token one is."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import subject_claim, text_claim
from aegis_idp.errors import ClaimRefused, Unavailable
from aegis_idp.http import Http
from aegis_idp.redaction import quoted
from aegis_idp.values import KeySetUrl, Trust
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.wire import Vault

# What a key of identity/oidc can be made for.
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"})
_ROOT = "root"


async def trust_of(settings: VaultSettings, http: Http) -> Trust:
    """The keys are always those at the address of the settings, whatever the document says of their place.

    Vault names itself by its `api_addr`, or by the issuer of identity/oidc/config: a name that need not lead there.
    """
    issuer = settings.issuer or await _issuer(settings, http)
    return Trust(issuer, KeySetUrl(f"{settings.oidc_base}/.well-known/keys"), _ALGORITHMS, frozenset())


async def _issuer(settings: VaultSettings, http: Http) -> str:
    url = f"{settings.oidc_base}/.well-known/openid-configuration"
    what = f"the discovery document {url}"
    response = await http.request("GET", url, headers={"accept": "application/json"})
    issuer = Vault(settings, http).answer(response, what).get("issuer")
    if not isinstance(issuer, str) or not issuer:
        raise Unavailable(f"{what} names no issuer: set one with `vault write identity/oidc/config issuer=...`")
    return issuer


def subject_of(settings: VaultSettings, claims: Mapping[str, object]) -> Subject:
    """The claim `name`, which the role's template fills with the name of the caller's own alias.

    Vault issues a token without it where the template fails. Another cluster's auth method at the same Vault has the
    same issuer and keys, so `mount` is compared. `namespace` is an id, of which only that of the root namespace is
    known; the path of every other stands in the issuer. `sub` is the entity's id, which says nothing here.
    """
    namespace = text_claim(claims, "namespace")
    if (namespace == _ROOT) != (settings.namespace is None):
        raise ClaimRefused(f"the claim namespace is {quoted(namespace, ())}, not that of config.namespace")
    if text_claim(claims, "mount") != settings.mount:
        raise ClaimRefused(f"the claim mount is not {settings.mount}")
    return subject_claim(claims, "name")
