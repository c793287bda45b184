"""Whose tokens are good, and whose a token of an identity pool is.

All pools of all accounts have one issuer and its keys. A token says which pool it is of (`aud`), which identity (`sub`)
and by which logins (`amr`). Anybody may link more logins to his own identity, so only that of this cluster counts.
https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html
"""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_api.reading import ParseError
from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import KeySetUrl, Principal, Trust
from aegis_idp_aws.cognito.pool import Pool

_LONGEST_LIFE = 600


def trust_of(pool: Pool) -> Trust:
    """Tokens live ten minutes. Longer ones are those of developers, who say themselves whose they are."""
    return Trust(
        pool.settings.issuer,
        KeySetUrl(pool.key_set),
        frozenset({"RS512"}),
        types=frozenset({"jws"}),
        max_lifetime=_LONGEST_LIFE,
    )


def caller(pool: Pool, claims: Mapping[str, object]) -> Subject | Principal:
    """The ServiceAccount that signed in at the pool. Raises ClaimRefused."""
    if claims.get("aud") not in (pool.id, [pool.id]):
        raise ClaimRefused(f"the claim aud is not the identity pool {pool.id}")
    subject, identity = _signed_in(pool, claims), text_claim(claims, "sub")
    return Principal(principal(identity, subject)) if pool.provisioned else subject


def principal(identity: str, subject: Subject) -> str:
    """What a token says of an identity and its login: both must be what the reconcile function saw."""
    return f"{identity} {subject}"


def _signed_in(pool: Pool, claims: Mapping[str, object]) -> Subject:
    """The one login by the cluster's provider: `ARN:OIDC:SUBJECT`."""
    methods = claims.get("amr")
    if not isinstance(methods, list) or "authenticated" not in methods:
        raise ClaimRefused("the claim amr does not say that somebody signed in")
    own = f"{pool.cognito.oidc_provider}:OIDC:"
    logins = {method.removeprefix(own) for method in methods if isinstance(method, str) and method.startswith(own)}
    if len(logins) != 1:
        raise ClaimRefused(f"the claim amr names {len(logins)} logins by {pool.cognito.oidc_provider}, wanted one")
    try:
        return Subject.parse(logins.pop())
    except ParseError:
        raise ClaimRefused("the login in the claim amr is not system:serviceaccount:NAMESPACE:NAME") from None
