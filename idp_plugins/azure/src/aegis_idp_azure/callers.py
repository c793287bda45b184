"""Whose tokens are good, and which application a token is of.

https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference. One set of keys signs for all tenants
of the cloud, so issuer and tenant decide. `roles` are never asked: whoever may register an application can give it a
role of any name.
"""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal, Trust
from aegis_idp_azure.settings import AzureSettings, is_guid

_CLIENT_CLAIM = {"2.0": "azp", "1.0": "appid"}


def trust_of(settings: AzureSettings) -> Trust:
    """Entra ID signs with RS256, and says `JWT` in typ."""
    return Trust(settings.token_issuer, KeySetUrl(settings.key_set), frozenset({"RS256"}), types=frozenset())


def caller(settings: AzureSettings, claims: Mapping[str, object]) -> Subject | Principal:
    """The application that asked for the token, as itself. Raises ClaimRefused."""
    if text_claim(claims, "tid") != settings.tenant:
        raise ClaimRefused("the claim tid is another tenant's")
    if text_claim(claims, "ver") != settings.version:
        raise ClaimRefused(f"the claim ver is not {settings.version}")
    if claims.get("idtyp", "app") != "app":
        raise ClaimRefused("the claim idtyp is not app")
    if "scp" in claims:
        raise ClaimRefused("the claim scp says that a person is signed in")
    client_id = text_claim(claims, _CLIENT_CLAIM[settings.version]).lower()
    if not is_guid(client_id):
        raise ClaimRefused(f"the claim {_CLIENT_CLAIM[settings.version]} is no client id")
    return settings.subject_by(client_id) or Principal(client_id)
