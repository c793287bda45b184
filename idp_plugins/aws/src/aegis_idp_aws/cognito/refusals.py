"""What to do about an error of Cognito.

https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdToken.html,
https://docs.aws.amazon.com/cognito/latest/developerguide/open-id.html
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aegis_idp.errors import Refused, Spreading
from aegis_idp_aws.cognito.pool import EXCHANGE_AUDIENCE, Pool

NO_SUCH = "ResourceNotFoundException"
_SPREADING_SECONDS = 10.0
_CLOCKS = "compare the clocks of this node and of AWS"
_HINTS: Mapping[str, str] = {
    "NotAuthorizedException": "the pool {pool} must list {provider}, and that must have the client id {audience}; the "
    "cluster must sign with RSA, and its keys must be reachable from the internet; compare the clocks",
    NO_SUCH: "there is no such pool, or no such identity in {pool}",
    "InvalidParameterException": "the pool {pool} must allow the basic (classic) flow",
    "ResourceConflictException": "the login is another identity's in {pool}: delete that if nobody needs it",
    "DeveloperUserAlreadyRegisteredException": "the mark is another identity's in {pool}",
    "LimitExceededException": "ask AWS for a higher quota",
    "InvalidSignatureException": _CLOCKS,
    "ExpiredTokenException": _CLOCKS,
}


@contextmanager
def with_way_out(pool: Pool) -> Iterator[None]:
    """The refusals of Cognito say what to do; Spreading for one that passes by itself after a change."""
    try:
        yield
    except Refused as error:
        if error.code == "AccessDeniedException":
            message = (
                f"{error}; if this lasts longer than a minute after a change: its policies must allow "
                f"{pool.settings.provision_as} this, as in docs/providers/aws.md"
            )
            raise Spreading(message) from error
        hint = _HINTS.get(error.code, "CloudTrail holds this call").format(
            pool=pool.id, provider=pool.cognito.oidc_provider, audience=EXCHANGE_AUDIENCE
        )
        raise Refused(f"{error}; {hint}", error.code) from error


@contextmanager
def while_it_spreads() -> Iterator[None]:
    """Spreading for an identity that is not known: one that was just made may be unknown in places."""
    try:
        yield
    except Refused as error:
        if error.code != NO_SUCH:
            raise
        message = f"{error}; if this lasts longer than a minute after a change: somebody removed the identity"
        raise Spreading(message, _SPREADING_SECONDS) from error
