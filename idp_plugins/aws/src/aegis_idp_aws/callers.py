"""Whose tokens are good, and which role a token is of.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html. `request_tags` are never
asked: the caller chooses them.
"""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal, Trust
from aegis_idp_aws.settings import AwsSettings

_AWS_CLAIM = "https://sts.amazonaws.com/"
_LONGEST_LIFE = 3600


def trust_of(settings: AwsSettings) -> Trust:
    """An account has one issuer, which signs with both algorithms. No token lives longer than an hour."""
    return Trust(
        settings.issuer,
        KeySetUrl(settings.key_set),
        frozenset({"RS256", "ES384"}),
        types=frozenset(),
        max_lifetime=_LONGEST_LIFE,
    )


def caller(settings: AwsSettings, claims: Mapping[str, object]) -> Subject | Principal:
    """The role that asked for the token. Raises ClaimRefused."""
    said = claims.get(_AWS_CLAIM)
    if not isinstance(said, Mapping):
        raise ClaimRefused(f"the claim {_AWS_CLAIM} is {'absent' if said is None else 'no object'}")
    if text_claim(said, "aws_account") != settings.account_id:
        raise ClaimRefused("aws_account is another account")
    arn = text_claim(claims, "sub")
    if not settings.home.has_role(arn):
        raise ClaimRefused(f"the claim sub is no role of the account {settings.account_id}")
    return settings.subject_by(arn) or Principal(arn)
