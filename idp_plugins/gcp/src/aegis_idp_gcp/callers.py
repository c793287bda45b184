"""Whose tokens are good, and which service account a token is of.

https://cloud.google.com/docs/authentication/token-types#id. Google signs for the whole world with one set of keys, so
the audience and the project of the address decide.
"""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal, Trust
from aegis_idp_gcp.settings import GcpSettings


def trust_of(settings: GcpSettings) -> Trust:
    """Google signs ID tokens with RS256, and says `JWT` in typ."""
    return Trust(settings.issuer, KeySetUrl(settings.key_set), frozenset({"RS256"}), types=frozenset())


def caller(settings: GcpSettings, claims: Mapping[str, object]) -> Subject | Principal:
    """The service account: by its address in the settings, or by the number that no other one ever gets.

    Raises ClaimRefused.
    """
    if claims.get("email_verified") is not True:
        raise ClaimRefused("the claim email_verified is not true")
    email = text_claim(claims, "email")
    if not email.endswith(settings.email_suffix):
        raise ClaimRefused(f"the claim email is of another project than {settings.project}")
    account = text_claim(claims, "sub")
    if text_claim(claims, "azp") != account:
        raise ClaimRefused("the claim azp is another's than sub")
    return settings.subject_by(email) or Principal(account)
