"""Requests that only answer: access reviews, token reviews, token requests."""

import uuid
from collections.abc import Callable
from typing import Any

from aegis_local.kube import rbac
from aegis_local.kube.authentication import Authenticator
from aegis_local.kube.errors import FieldError, bad_request, conflict, invalid, invalid_value, not_found, required
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, at, metadata, timestamp
from aegis_local.kube.rbac import Action
from aegis_local.kube.store import Store
from aegis_local.kube.tokens import EXTENDED_SECONDS, WARN_ONLY_SECONDS, Bound, InvalidTokenError, TokenIssuer, claims
from aegis_local.kube.users import User

_SHORTEST, _LONGEST = 600, 2**32


class Reviews:
    """Answers reviews. `clock` gives seconds since the epoch."""

    def __init__(
        self, store: Store, issuer: TokenIssuer, authenticator: Authenticator, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._authenticator = authenticator
        self._clock = clock

    def answer(self, kind: Kind, obj: Object, user: User, namespace: str) -> Object:
        """The review with its status."""
        spec = obj.get("spec") or {}
        match kind.kind:
            case "TokenReview":
                status = self._token_review(spec)
            case "SelfSubjectAccessReview":
                status = self._access(kind, spec, user)
            case "SelfSubjectReview":
                status = {"userInfo": user.rendered()}
            case "SelfSubjectRulesReview":
                status = self._rules(user, spec.get("namespace") or "")
            case _:
                status = self._access(kind, spec, self._subject(kind, spec))
        return {**obj, "metadata": {**metadata(obj), "creationTimestamp": None}, "status": status}

    def _subject(self, kind: Kind, spec: Object) -> User:
        if not spec.get("user") and not spec.get("groups"):
            error = required("spec.user", "at least one of user or group must be specified")
            raise invalid(kind.group, kind.kind, "", [error])
        extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
        return User(spec.get("user", ""), frozenset(spec.get("groups") or ()), spec.get("uid", ""), extra)

    def _access(self, kind: Kind, spec: Object, user: User) -> Object:
        resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(resource) == bool(path):
            words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(kind.group, kind.kind, "", [invalid_value("spec.resourceAttributes", resource, words)])
        if resource:
            fields = ("verb", "group", "resource", "subresource", "namespace", "name")
            action = Action(**{key: resource.get(key) or "" for key in fields})
        else:
            action = Action((path or {}).get("verb", ""), path=(path or {}).get("path", ""))
        return {"allowed": rbac.allowed(self._store, user, action)}

    def _rules(self, user: User, namespace: str) -> Object:
        rules = list(rbac.rules_of(self._store, user, namespace))
        return {
            "resourceRules": [rule for rule in rules if rule.get("resources")],
            "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": False,
        }

    def _token_review(self, spec: Object) -> Object:
        audiences = spec.get("audiences") or [self._issuer.issuer]
        try:
            user, matching = self._authenticator.reviewed(spec.get("token") or "", audiences)
        except InvalidTokenError as error:
            return {"user": {}, "error": f"[invalid bearer token, {error}]"}
        return {"authenticated": True, "user": user.rendered(), "audiences": matching}

    def token(self, namespace: str, name: str, request: Object) -> Object:
        """The TokenRequest with a fresh token for the ServiceAccount."""
        account = self._store.get(("", "serviceaccounts"), namespace, name)
        if account is None:
            raise not_found("", "serviceaccounts", name)
        spec = request.get("spec") or {}
        seconds = spec.get("expirationSeconds") or 3600
        errors = _expiration_errors(seconds)
        if errors:
            raise invalid("authentication.k8s.io", "TokenRequest", "", errors)
        audiences = spec.get("audiences") or [self._issuer.issuer]
        bound = self._bound(namespace, spec["boundObjectRef"], name) if spec.get("boundObjectRef") else None
        now = int(self._clock())
        stretched = bound is not None and seconds == WARN_ONLY_SECONDS and audiences == [self._issuer.issuer]
        payload = claims(
            self._issuer.issuer,
            account,
            audiences,
            EXTENDED_SECONDS if stretched else seconds,
            bound,
            now,
            str(uuid.uuid4()),
            now + seconds if stretched else None,
        )
        return {
            **request,
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": timestamp(now)},
            "spec": {
                **spec,
                "audiences": audiences,
                "expirationSeconds": seconds,
                "boundObjectRef": spec.get("boundObjectRef"),
            },
            "status": {"token": self._issuer.sign(payload), "expirationTimestamp": timestamp(now + seconds)},
        }

    def _bound(self, namespace: str, reference: Object, account: str) -> Bound:
        kind, name = reference.get("kind", ""), reference.get("name", "")
        if (reference.get("apiVersion"), kind) not in (("v1", "Pod"), ("v1", "Secret")):
            raise bad_request(
                f'cannot bind token for serviceaccount "{account}" to object of type '
                f"{reference.get('apiVersion')}, Kind={kind}"
            )
        plural = f"{kind.lower()}s"
        found = self._store.get(("", plural), namespace, name)
        if found is None:
            raise not_found("", plural, name)
        uid: Any = metadata(found)["uid"]
        if reference.get("uid") not in (None, "", uid):
            why = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise conflict("", plural, name, why)
        if kind == "Pod" and at(found, ("spec", "serviceAccountName")) != account:
            raise bad_request(
                f'cannot bind token for serviceaccount "{account}" to pod running with different serviceaccount name.'
            )
        return Bound(kind.lower(), name, uid)


def _expiration_errors(seconds: int) -> list[FieldError]:
    if seconds < _SHORTEST:
        return [invalid_value("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")]
    if seconds > _LONGEST:
        return [invalid_value("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")]
    return []
