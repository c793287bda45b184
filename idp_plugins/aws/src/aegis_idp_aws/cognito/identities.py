"""An identity in a pool: its login is the ServiceAccount's, and a developer's user identifier is the owner's mark.

A pool finds an identity by its login alone, and an identity can bear no tags. A mark is found without the login, so an
identity can be removed when its ServiceAccount is gone already. It gives nobody a token that the mesh takes, for only
the cluster's login counts there (`callers`).
https://docs.aws.amazon.com/cognito/latest/developerguide/developer-authenticated-identities.html
"""

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp.errors import ForeignObject, Refused, Unavailable
from aegis_idp.http import Http
from aegis_idp.values import PRINCIPAL, Provisioned, ProvisionRequest, Secret
from aegis_idp_aws.cognito.callers import principal
from aegis_idp_aws.cognito.pool import Pool
from aegis_idp_aws.cognito.refusals import NO_SUCH, while_it_spreads, with_way_out
from aegis_idp_aws.cognito.service_accounts import token_of
from aegis_idp_aws.cognito.tokens import IDENTITY, identity_of
from aegis_idp_aws.cognito.wire import Json, cognito, text_of, texts_of
from aegis_idp_aws.signing import Session

_DENIED = "AccessDenied"
# Linking an identity's logins gives a token, which nobody needs.
_SHORTEST_TOKEN = 1


@frozen
class Identities:
    """The identities of a pool, in a session of the role `provisionAs`."""

    pool: Pool
    session: Session = field(repr=False)
    http: Http = field(repr=False)

    async def call(self, operation: str, document: Json, shown: tuple[Secret, ...] = ()) -> Json:
        with with_way_out(self.pool):
            return await cognito(self.pool, self.http).call(operation, document, self.session, shown)

    async def unless_missing(self, operation: str, document: Json) -> Json | None:
        """None: there is no such identity."""
        try:
            return await self.call(operation, document)
        except Refused as error:
            if error.code == NO_SUCH:
                return None
            raise

    async def marked(self, mark: str) -> str | None:
        """The identity that bears `mark`, if there is one."""
        wanted = {"IdentityPoolId": self.pool.id, "DeveloperUserIdentifier": mark}
        found = await self.unless_missing("LookupDeveloperIdentity", wanted)
        return None if found is None else text_of(found, "IdentityId", "LookupDeveloperIdentity")

    async def require_own(self, identity: str, mark: str) -> None:
        """Raises ForeignObject for an identity with another mark than `mark`."""
        wanted = {"IdentityPoolId": self.pool.id, "IdentityId": identity, "MaxResults": 2}
        found = await self.unless_missing("LookupDeveloperIdentity", wanted) or {}
        marks = texts_of(found, "DeveloperUserIdentifierList", "LookupDeveloperIdentity")
        if not set(marks) <= {mark}:
            raise ForeignObject(
                f"the identity {identity} bears another mark than {mark}: it is another's. Delete it in the pool "
                f"{self.pool.id} if nobody needs it"
            )

    async def is_signed_in(self, identity: str) -> bool:
        """Whether its logins are the cluster's and the mark. Raises ForeignObject where there is one more."""
        found = await self.unless_missing("DescribeIdentity", {"IdentityId": identity})
        logins = set(texts_of(found or {}, "Logins", "DescribeIdentity"))
        strange = logins - {self.pool.login, self.pool.cognito.oidc_provider, self.pool.cognito.developer_provider}
        if strange:
            raise ForeignObject(
                f"the identity {identity} has logins by {', '.join(sorted(strange))} as well, which may be somebody "
                f"else's: unlink them, or delete it in the pool {self.pool.id}"
            )
        return bool(logins & {self.pool.login, self.pool.cognito.oidc_provider})

    async def link(self, identity: str, mark: str, shown: Secret) -> None:
        """Gives the identity the mark, and the login by the token `shown`."""
        logins = {self.pool.cognito.developer_provider: mark, self.pool.login: shown.reveal()}
        wanted = {
            "IdentityPoolId": self.pool.id,
            "IdentityId": identity,
            "Logins": logins,
            "TokenDuration": _SHORTEST_TOKEN,
        }
        try:
            with while_it_spreads():
                await self.call("GetOpenIdTokenForDeveloperIdentity", wanted, (shown,))
        except Refused as error:
            if error.code in ("ResourceConflictException", "DeveloperUserAlreadyRegisteredException"):
                raise ForeignObject(str(error)) from error
            raise


def mark_of(request: ProvisionRequest) -> str:
    """The owner's mark, of at most 1024 characters."""
    return f"{request.owner.cluster}/{request.owner.uid}/{request.subject}"


async def make_identity(identities: Identities, request: ProvisionRequest) -> Provisioned:
    """Makes the identity or mends it. Raises ProviderError."""
    mark, subject = mark_of(request), request.subject
    identity = await identities.marked(mark)
    if identity is not None:
        await identities.require_own(identity, mark)
        if await identities.is_signed_in(identity):
            return _made(identity, subject)
    shown = await token_of(subject, identities.http)
    if identity is None:
        identity = await identity_of(identities.pool, shown, identities.http)
        await identities.require_own(identity, mark)
        await identities.is_signed_in(identity)  # it is; asked for the logins that should not be there
    await identities.link(identity, mark, shown)
    return _made(identity, subject)


async def remove_identity(identities: Identities, request: ProvisionRequest) -> None:
    """Removes the identity. Raises ProviderError."""
    mark = mark_of(request)
    identity = await identities.marked(mark)
    if identity is None:
        return
    await identities.require_own(identity, mark)
    answer = await identities.call("DeleteIdentities", {"IdentityIdsToDelete": [identity]})
    # What could not be deleted is no error to Cognito.
    if left := answer.get("UnprocessedIdentityIds"):
        text = f"AWS Cognito, DeleteIdentities: the identity {identity} was left"
        if isinstance(left, list) and {"IdentityId": identity, "ErrorCode": _DENIED} in left:
            role = identities.pool.settings.provision_as
            raise Refused(f"{text}: {_DENIED}; look at the policies of {role}", _DENIED)
        raise Unavailable(text)


def _made(identity: str, subject: Subject) -> Provisioned:
    return Provisioned({IDENTITY: identity, PRINCIPAL: principal(identity, subject)})
