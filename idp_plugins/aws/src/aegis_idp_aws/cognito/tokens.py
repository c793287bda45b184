"""The pool's token for the ServiceAccount token, by the basic flow.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flow.html
"""

from aegis_idp.errors import Misconfigured, Refused
from aegis_idp.http import Http
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken, Secret, TokenRequest
from aegis_idp_aws.cognito.pool import EXCHANGE_AUDIENCE, Pool
from aegis_idp_aws.cognito.refusals import while_it_spreads, with_way_out
from aegis_idp_aws.cognito.wire import cognito, text_of

IDENTITY = "identityId"
"""The key in the Identity's metadata of its identity in the pool."""


def needs_of(pool: Pool, pod: PodContext) -> PodNeeds:
    """The ServiceAccount token for the pool. Raises Misconfigured for audiences that no pool has."""
    if pod.audience_per_destination:
        raise Misconfigured(
            "a Cognito identity pool has one audience, its own id, for all destinations: set audiencePerDestination to "
            "false, or leave config.cognito away, for tokens of roles can have it"
        )
    if pod.audience != pool.id:
        raise Misconfigured(
            f"the audience of the provider is {pod.audience}, wanted {pool.id}: all tokens of a Cognito identity pool "
            "have its id for their audience"
        )
    return PodNeeds(tokens=(ProjectedToken(EXCHANGE_AUDIENCE, pool.settings.expiration_seconds),))


async def issued(pool: Pool, request: TokenRequest, http: Http) -> Secret:
    """The pool's token. Raises ProviderError."""
    shown = request.service_account_token(EXCHANGE_AUDIENCE)
    if pool.provisioned:
        identity = request.metadata.get(IDENTITY)
        if not identity:
            raise Misconfigured(
                f"no identity of {request.subject} in the pool {pool.id} is known: its Identity is not provisioned "
                "yet (see its conditions)"
            )
    else:
        identity = await identity_of(pool, shown, http)
    document = {"IdentityId": identity, "Logins": {pool.login: shown.reveal()}}
    with while_it_spreads(), with_way_out(pool):
        answer = await cognito(pool, http).call("GetOpenIdToken", document, shown=(shown,))
    said = text_of(answer, "IdentityId", "GetOpenIdToken")
    if pool.provisioned and said != identity:
        raise Refused(f"the identity {identity} was merged into {said}, which is not known to be {request.subject}'s")
    return Secret(text_of(answer, "Token", "GetOpenIdToken"))


async def identity_of(pool: Pool, shown: Secret, http: Http) -> str:
    """The identity of the login by the token `shown`: made, if there is none. Raises ProviderError."""
    document = {
        "AccountId": pool.settings.account_id,
        "IdentityPoolId": pool.id,
        "Logins": {pool.login: shown.reveal()},
    }
    with with_way_out(pool):
        answer = await cognito(pool, http).call("GetId", document, shown=(shown,))
    return text_of(answer, "IdentityId", "GetId")
