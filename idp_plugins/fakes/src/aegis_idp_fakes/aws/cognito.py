"""cognito-identity: identities of a pool, and tokens of them.

https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/Welcome.html; what becomes of logins:
https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flow.html
"""

import re
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any

from attrs import define, field, frozen

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.conformance.signing import KeyRing
from aegis_idp_fakes.aws.accounts import Account, Session
from aegis_idp_fakes.aws.logins import Login, read_logins
from aegis_idp_fakes.aws.pools import IdentityPool, PoolIdentity
from aegis_idp_fakes.aws.wire import json_error
from aegis_idp_fakes.server import Refusal

SERVICE = "cognito-identity"
_ID = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)
_TOKEN_SECONDS, _DEVELOPERS_SECONDS, _LONGEST_SECONDS = 600, 900, 86400
_POOL_ARN = "https://cognito-identity.amazonaws.com/identity-pool-arn"

Json = Mapping[str, Any]


@define(eq=False)
class Service:
    """Cognito for all accounts: one issuer, one set of keys, which are made when they are needed first."""

    issuer: str
    accounts: Mapping[str, Account] = field(repr=False)
    _keys: KeyRing | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    @property
    def keys(self) -> KeyRing:
        with self._lock:
            if self._keys is None:
                self._keys = KeyRing("RS512")
            return self._keys

    def answered(self, request: Received, signed: Callable[[], Session]) -> Answer:
        """The answer to a call; `signed` says whose it is. Raises Refusal."""
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        try:
            document = request.json()
        except ValueError:
            document = None
        if operation not in _OPERATIONS:
            raise json_error("UnknownOperationException", "")
        if not isinstance(document, dict):
            raise json_error("SerializationException", "")
        return Answer.json(200, _OPERATIONS[operation](_Call(self, document, operation, signed)))

    def published(self, path: str) -> Answer:
        """Discovery and keys, without any credentials."""
        keys = f"{self.issuer}/.well-known/jwks_uri"
        if path == "/.well-known/openid-configuration":
            return Answer.json(200, {"issuer": self.issuer, "jwks_uri": keys, "subject_types_supported": ["public"]})
        if path == "/.well-known/jwks_uri":
            # Modulus in standard base64, as DER writes integers: with a zero byte first.
            return Answer.json(200, {"keys": [_as_cognito_writes(key) for key in self.keys.key_set()["keys"]]})  # type: ignore[attr-defined]  # a JSON value
        return Answer.json(404, {"message": "Not Found"})


def _as_cognito_writes(key: Json) -> Json:
    modulus = urlsafe_b64decode(key["n"] + "=" * (-len(key["n"]) % 4))
    return {**key, "n": b64encode(b"\0" + modulus).decode()}


@frozen
class _Call:
    service: Service
    document: Json = field(repr=False)
    operation: str
    signed: Callable[[], Session] = field(repr=False)

    def id(self, name: str) -> str:
        value = self.document.get(name)
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise json_error("InvalidParameterException", f"Value at '{name}' failed to satisfy constraint")
        return value

    def pool(self, owner: Account | None = None) -> tuple[Account, IdentityPool]:
        """The pool that is named, of whatever account, or of `owner`."""
        name = self.id("IdentityPoolId")
        for account in [owner] if owner else self.service.accounts.values():
            if name in account.pools:
                return account, account.pools[name]
        raise json_error("ResourceNotFoundException", f"IdentityPool '{name}' not found.")

    def identity(self, owner: Account | None = None) -> tuple[Account, IdentityPool, PoolIdentity]:
        """The identity that is named."""
        name = self.id("IdentityId")
        for account in [owner] if owner else self.service.accounts.values():
            for pool in account.pools.values():
                found = pool.known(name)
                if found is not None:
                    return account, pool, found
        raise json_error("ResourceNotFoundException", f"Identity '{name}' not found.")

    def logins(self) -> dict[str, str]:
        return dict(self.document.get("Logins") or {})

    def caller(self, resource: str = "*", **context: str) -> Account:
        """The account whose role asks, if it may. Raises Refusal."""
        session, action = self.signed(), f"{SERVICE}:{self.operation}"
        role = session.account.by_arn(session.role_arn)
        said = {f"{SERVICE}:{key}": (value,) for key, value in context.items()}
        if role is None or not session.account.may(role, action, resource, said):
            text = f"User: {session.role_arn} is not authorized to perform: {action} on resource: {resource}"
            raise json_error("AccessDeniedException", text)
        return session.account

    def of_pool(self) -> tuple[Account, IdentityPool]:
        """The pool that is named, of the account whose role asks, if it may use it."""
        name = self.id("IdentityPoolId")
        account = self.signed().account
        self.caller(account.pool_arn(name))
        return self.pool(account)

    def token(self, pool: IdentityPool, identity: PoolIdentity, methods: Iterable[str], seconds: int) -> str:
        now = int(time.time())
        claims = {
            "sub": identity.id,
            "aud": pool.id,
            "amr": ["authenticated", *methods] if methods else ["unauthenticated"],
            "iss": self.service.issuer,
            _POOL_ARN: pool.arn,
            "exp": now + seconds,
            "iat": now,
        }
        return self.service.keys.current.sign(claims, typ="JWS")


def _get_id(call: _Call) -> Json:
    account, pool = call.pool()
    if call.document.get("AccountId", account.id) != account.id:
        raise json_error("NotAuthorizedException", "Invalid account.")
    logins = read_logins(account, pool, call.logins())
    if not logins:
        _require_unauthenticated(pool)
        return {"IdentityId": pool.make().id}
    return {"IdentityId": _of_logins(pool, logins).id}


def _get_token(call: _Call) -> Json:
    account, pool, identity = call.identity()
    if not pool.classic_flow:
        text = "Basic (classic) flow is not enabled, please use enhanced flow."
        raise json_error("InvalidParameterException", text)
    logins = read_logins(account, pool, call.logins())
    if not logins:
        if identity.logins or identity.marks:
            raise _unmatched()
        _require_unauthenticated(pool)
    elif identity.logins or identity.marks:
        if not any(identity.logins.get(login.name) == login.subject for login in logins):
            raise _unmatched()
        for login in logins:
            _link(pool, identity, login)
    else:
        identity = _claimed(pool, identity, logins)
    methods = [method for login in logins for method in login.methods]
    return {"IdentityId": identity.id, "Token": call.token(pool, identity, methods, _TOKEN_SECONDS)}


def _get_token_for_developer(call: _Call) -> Json:
    account, pool = call.of_pool()
    logins = call.logins()
    mark = logins.pop(pool.developer, None) if pool.developer else None
    seconds = call.document.get("TokenDuration", _DEVELOPERS_SECONDS)
    if not mark or len(mark) > 1024 or not 1 <= seconds <= _LONGEST_SECONDS:
        raise json_error("InvalidParameterException", "Please provide a valid login of the developer provider.")
    others = read_logins(account, pool, logins)
    identity = call.identity(account)[2] if "IdentityId" in call.document else None
    marked = pool.by_mark(mark)
    if identity is not None and marked is not None and marked is not identity:
        raise json_error("DeveloperUserAlreadyRegisteredException", "The user identifier is another identity's.")
    identity = identity or marked or (_of_logins(pool, others) if others else pool.make())
    for login in others:
        _link(pool, identity, login)
    identity.marks.add(mark)
    methods = [pool.developer, f"{pool.developer}:{pool.id}:{mark}"]
    methods += [method for login in others for method in login.methods]
    return {"IdentityId": identity.id, "Token": call.token(pool, identity, [str(one) for one in methods], seconds)}


def _look_up(call: _Call) -> Json:
    account, pool = call.of_pool()
    mark = call.document.get("DeveloperUserIdentifier")
    if "IdentityId" in call.document:
        identity: PoolIdentity | None = call.identity(account)[2]
    else:
        found = pool.by_mark(str(mark))
        identity = found and pool.known(found.id)
    if identity is None or not identity.marks:
        raise json_error("ResourceNotFoundException", f"Developer user identifier '{mark}' not found.")
    if mark is not None and mark not in identity.marks:
        raise json_error("ResourceConflictException", "The user identifier is another identity's.")
    marks = sorted(identity.marks)[: call.document.get("MaxResults", 60)]
    return {"IdentityId": identity.id, "DeveloperUserIdentifierList": marks}


def _describe(call: _Call) -> Json:
    _, pool, identity = call.identity(call.caller())
    developers = [pool.developer] if identity.marks else []
    return {"IdentityId": identity.id, "Logins": [*identity.logins, *developers], "CreationDate": 1.0}


def _delete(call: _Call) -> Json:
    """Each identity by the rights at its pool; what may not be deleted is told, and no error."""
    session = call.signed()
    left = []
    for name in call.document.get("IdentityIdsToDelete") or []:
        pool = next((one for one in session.account.pools.values() if name in one.identities), None)
        if pool is None:
            continue
        try:
            call.caller(IdentityPoolArn=pool.arn)
        except Refusal:
            left.append({"IdentityId": name, "ErrorCode": "AccessDenied"})
        else:
            del pool.identities[name]
    return {"UnprocessedIdentityIds": left}


def _of_logins(pool: IdentityPool, logins: list[Login]) -> PoolIdentity:
    """The identity that one of the logins is of already, with all of them; or a new one."""
    found = [one for login in logins if (one := pool.by_login(login.name, login.subject))]
    identity = found[0] if found else pool.make()
    for login in logins:
        _link(pool, identity, login)
    return identity


def _link(pool: IdentityPool, identity: PoolIdentity, login: Login) -> None:
    """One login per provider, and each of one identity."""
    other = pool.by_login(login.name, login.subject)
    if other not in (None, identity) or identity.logins.get(login.name, login.subject) != login.subject:
        raise json_error("ResourceConflictException", "The login is already linked to another account.")
    identity.logins[login.name] = login.subject


def _claimed(pool: IdentityPool, identity: PoolIdentity, logins: list[Login]) -> PoolIdentity:
    """An identity that nobody had signed in to: it gets the logins, or is merged into the one that has them."""
    other = next((one for login in logins if (one := pool.by_login(login.name, login.subject))), None)
    if other is None:
        for login in logins:
            _link(pool, identity, login)
        return identity
    del pool.identities[identity.id]
    return other


def _require_unauthenticated(pool: IdentityPool) -> None:
    if not pool.unauthenticated:
        text = "Unauthenticated access is not supported for this identity pool."
        raise json_error("NotAuthorizedException", text)


def _unmatched() -> Refusal:
    text = "Logins don't match. Please include at least one valid login for this identity or identity pool."
    return json_error("NotAuthorizedException", text)


_OPERATIONS: Mapping[str, Callable[[_Call], Json]] = {
    "GetId": _get_id,
    "GetOpenIdToken": _get_token,
    "GetOpenIdTokenForDeveloperIdentity": _get_token_for_developer,
    "LookupDeveloperIdentity": _look_up,
    "DescribeIdentity": _describe,
    "DeleteIdentities": _delete,
}
