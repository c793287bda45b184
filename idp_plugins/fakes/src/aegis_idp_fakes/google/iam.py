"""Service accounts, who may do what with them, and ID tokens of theirs.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts,
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken.
"""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from attrs import frozen

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.conformance.signing import KeyRing
from aegis_idp_fakes.google.errors import api_error
from aegis_idp_fakes.google.project import Account, Project

ISSUER = "https://accounts.google.com"
_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")
_LIFE = 3600


@frozen
class Call:
    """A request of `member`, who is a subject of the pool of `project`."""

    project: Project
    member: str
    request: Received
    keys: KeyRing

    def body(self) -> dict[str, Any]:
        value = self.request.json() if self.request.body else {}
        if not isinstance(value, dict):
            raise api_error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        return value

    def permitted(self, project: str, name: str) -> None:
        granted = self.project.permissions.get(self.member, frozenset())
        if project != self.project.id or f"iam.serviceAccounts.{name}" not in granted:
            message = f"Permission 'iam.serviceAccounts.{name}' denied on resource (or it may not exist)."
            raise api_error(403, "PERMISSION_DENIED", message)

    def account(self, email: str) -> Account:
        found = self.project.seen(email)
        if found is None:
            raise api_error(404, "NOT_FOUND", "Unknown service account.")
        return found


def answer(call: Call, path: str) -> Answer:
    """The answer to a request below /v1. May raise Refusal."""
    for pattern, method, handle in _ROUTES:
        found = re.fullmatch(pattern, path)
        if found and method == call.request.method:
            return handle(call, *found.groups())
    raise api_error(404, "NOT_FOUND", "The requested URL was not found on this server.")


def _create(call: Call, project: str) -> Answer:
    call.permitted(project, "create")
    body = call.body()
    account_id = str(body.get("accountId", ""))
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise api_error(400, "INVALID_ARGUMENT", "The account ID does not have a length between 6 and 30.")
    email = f"{account_id}@{project}.iam.gserviceaccount.com"
    if email in call.project.accounts:
        raise api_error(409, "ALREADY_EXISTS", f"Service account {account_id} already exists within the project.")
    made = Account(email, dict(body.get("serviceAccount", {})), born=call.project.propagation.birth())
    call.project.accounts[email] = made
    return Answer.json(200, made.shown())


def _get(call: Call, project: str, email: str) -> Answer:
    call.permitted(project, "get")
    return Answer.json(200, call.account(email).shown())


def _patch(call: Call, project: str, email: str) -> Answer:
    call.permitted(project, "update")
    account, body = call.account(email), call.body()
    for name in str(body.get("updateMask", "")).split(","):
        account.properties[name] = body.get("serviceAccount", {}).get(name)
    return Answer.json(200, account.shown())


def _delete(call: Call, project: str, email: str) -> Answer:
    call.permitted(project, "delete")
    del call.project.accounts[call.account(email).email]
    return Answer.json(200, {})


def _get_policy(call: Call, project: str, email: str) -> Answer:
    call.permitted(project, "getIamPolicy")
    account = call.account(email)
    bindings = {"bindings": account.bindings} if account.bindings else {}
    return Answer.json(200, {"version": 1, "etag": account.etag, **bindings})


def _set_policy(call: Call, project: str, email: str) -> Answer:
    call.permitted(project, "setIamPolicy")
    account, policy = call.account(email), call.body().get("policy", {})
    if policy.get("etag", account.etag) != account.etag:
        raise api_error(
            409, "ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write."
        )
    if any(not member.startswith(("principal://", "user:")) for one in policy["bindings"] for member in one["members"]):
        raise api_error(400, "INVALID_ARGUMENT", "Invalid principal in policy.")
    account.bindings, account.etag = policy["bindings"], secrets.token_hex(4)
    account.bound = call.project.propagation.birth()
    return Answer.json(200, {"version": 1, "etag": account.etag, "bindings": account.bindings})


def _id_token(call: Call, email: str) -> Answer:
    account = call.project.seen(email)
    if account is None or not call.project.may_stand_for(call.member, account):
        message = "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist)."
        raise api_error(403, "PERMISSION_DENIED", message)
    body = call.body()
    if not body.get("audience"):
        raise api_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument: audience.")
    now = int(time.time())
    times = {"iat": now, "exp": now + _LIFE}
    claims = {"iss": ISSUER, "aud": body["audience"], "azp": account.unique_id, "sub": account.unique_id, **times}
    if body.get("includeEmail"):
        claims |= {"email": account.email, "email_verified": True}
    return Answer.json(200, {"token": call.keys.current.sign(claims)})


_ACCOUNTS = r"/projects/([^/]+)/serviceAccounts"
_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    (r"/projects/-/serviceAccounts/([^/:]+):generateIdToken", "POST", _id_token),
    (_ACCOUNTS, "POST", _create),
    (_ACCOUNTS + r"/([^/:]+)", "GET", _get),
    (_ACCOUNTS + r"/([^/:]+)", "PATCH", _patch),
    (_ACCOUNTS + r"/([^/:]+)", "DELETE", _delete),
    (_ACCOUNTS + r"/([^/:]+):getIamPolicy", "POST", _get_policy),
    (_ACCOUNTS + r"/([^/:]+):setIamPolicy", "POST", _set_policy),
)
