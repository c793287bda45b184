"""From a request's credentials to a User: bearer tokens, static or of ServiceAccounts, and impersonation."""

import hmac
from collections.abc import Callable, Iterable, Mapping

from aegis_local.kube.errors import unauthorized
from aegis_local.kube.objects import Object, at, metadata
from aegis_local.kube.store import Store
from aegis_local.kube.tokens import InvalidTokenError, TokenIssuer
from aegis_local.kube.users import AUTHENTICATED, User, service_account

_CREDENTIAL = "authentication.kubernetes.io/credential-id"


class Authenticator:
    """Knows users by token. `static` are fixed tokens; `clock` gives seconds since the epoch."""

    def __init__(
        self, store: Store, issuer: TokenIssuer, static: Mapping[str, User], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._static = dict(static)
        self._clock = clock

    def user_of(self, authorization: str) -> User:
        """The user of an Authorization header. Raises ApiError (401)."""
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized()
        try:
            return self.reviewed(token.strip(), [self._issuer.issuer])[0]
        except InvalidTokenError:
            raise unauthorized() from None

    def reviewed(self, unverified_token: str, audiences: Iterable[str]) -> tuple[User, list[str]]:
        """The user of a token, and those of `audiences` that it is for. Raises InvalidTokenError."""
        for token, user in self._static.items():
            if hmac.compare_digest(token.encode(), unverified_token.encode()):
                return user, [audience for audience in audiences if audience == self._issuer.issuer]
        claims, matching = self._issuer.verify(unverified_token, audiences, self._clock())
        private = claims["kubernetes.io"]
        account = self._alive("serviceaccounts", private["namespace"], private["serviceaccount"])
        extra: dict[str, tuple[str, ...]] = {_CREDENTIAL: (f"JTI={claims['jti']}",)}
        if pod := private.get("pod"):
            self._alive("pods", private["namespace"], pod)
            extra["authentication.kubernetes.io/pod-name"] = (pod["name"],)
            extra["authentication.kubernetes.io/pod-uid"] = (pod["uid"],)
        if secret := private.get("secret"):
            self._alive("secrets", private["namespace"], secret)
        meta = metadata(account)
        return service_account(meta["namespace"], meta["name"], meta["uid"], extra), matching

    def _alive(self, plural: str, namespace: str, reference: Object) -> Object:
        found = self._store.get(("", plural), namespace, reference["name"])
        if found is None or at(found, ("metadata", "uid")) != reference["uid"]:
            raise InvalidTokenError(
                f"the object that the token is bound to ({plural} {namespace}/{reference['name']}) is gone"
            )
        return found


def impersonated(headers: Mapping[str, str]) -> User | None:
    """The user that the Impersonate-* headers ask for (header names in lower case); None without any."""
    if not (name := headers.get("impersonate-user", "")):
        return None
    groups = {group for group in headers.get("impersonate-group", "").split(",") if group}
    parts = name.split(":")
    if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4 and not groups:
        groups = {"system:serviceaccounts", f"system:serviceaccounts:{parts[2]}"}
    return User(name, frozenset(groups | {AUTHENTICATED}), headers.get("impersonate-uid", ""))
