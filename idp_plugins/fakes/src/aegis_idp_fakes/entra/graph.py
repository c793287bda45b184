"""The part of Microsoft Graph v1.0 that makes applications, service principals and federated identity credentials.

https://learn.microsoft.com/graph/api/application-upsert, serviceprincipal-upsert, federatedidentitycredential-upsert,
application-delete, directory-deleteditems-list, directory-deleteditems-delete.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
from attrs import evolve, frozen

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.conformance.signing import KeyRing
from aegis_idp_fakes.entra.directory import Application, Directory, Federation
from aegis_idp_fakes.entra.errors import graph_error

_OWN, _ALL = "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")
_MOST_FEDERATIONS = 20


@frozen
class Caller:
    app_id: str
    all: bool


@frozen
class Graph:
    """Graph for the tenants `directories`; `resource` is its own application in each, `keys` those of Entra ID."""

    directories: Mapping[str, Directory]
    keys: KeyRing

    def answer(self, request: Received) -> Answer:
        """The answer to a request below /v1.0. May raise Refusal."""
        parts = urlsplit(request.path)
        path = unquote(parts.path).removeprefix("/v1.0")
        directory, caller = self._authenticated(request.bearer())
        for pattern, method, handle in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                return handle(_Call(directory, caller, request, query), *found.groups())
        raise graph_error(400, "BadRequest", f"Resource not found for {request.method} {path}.")

    def _authenticated(self, token: str) -> tuple[Directory, Caller]:
        """The caller of an app-only token for Graph that has a permission to make applications."""
        for key in jwt.PyJWKSet.from_dict(self.keys.key_set()).keys:
            try:
                claims = jwt.decode(token, key.key, algorithms=["RS256"], options={"verify_aud": False})
            except jwt.PyJWTError:
                continue
            directory = self.directories[claims["tid"]]
            resource = directory.by_resource(claims["aud"])
            if resource is None or resource.properties.get("displayName") != "Microsoft Graph":
                break
            roles = claims.get("roles", [])
            if not {_OWN, _ALL} & set(roles):
                raise graph_error(
                    403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
                )
            return directory, Caller(claims.get("azp") or claims["appid"], _ALL in roles)
        raise graph_error(401, "InvalidAuthenticationToken", "Access token validation failure.")


@frozen
class _Call:
    directory: Directory
    caller: Caller
    request: Received
    query: Mapping[str, str]

    @property
    def creates(self) -> bool:
        return self.request.headers.get("prefer", "") == "create-if-missing"

    def body(self) -> dict[str, Any]:
        value = self.request.json()
        if not isinstance(value, dict):
            raise graph_error(400, "BadRequest", "Unable to read JSON request payload.")
        return value

    def owned(self, application: Application) -> Application:
        if not self.caller.all and application.owner != self.caller.app_id:
            raise graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        return application

    def there(self, found: Application | None) -> Application:
        if found is None or not self.directory.seen(found):
            raise graph_error(404, "Request_ResourceNotFound", "Resource does not exist or cannot be found.")
        return found


def _read(call: _Call, name: str) -> Answer:
    return Answer.json(200, call.there(call.directory.by_unique_name(name)).shown())


def _upsert(call: _Call, name: str) -> Answer:
    directory, found = call.directory, call.directory.by_unique_name(name)
    if found is None and call.creates:
        if directory.by_unique_name(name, directory.deleted) is not None:
            message = "Another object with the same value for property uniqueName already exists."
            raise graph_error(400, "Request_BadRequest", message)
        body = call.body()
        if not body.get("displayName"):
            raise graph_error(400, "Request_BadRequest", "displayName is required.")
        version = body.get("api", {}).get("requestedAccessTokenVersion") or 1
        made = Application(
            str(uuid.uuid4()),
            str(uuid.uuid4()),
            owner=call.caller.app_id,
            unique_name=name,
            properties=body,
            token_version=version,
            born=directory.propagation.birth(),
        )
        directory.applications[made.id] = made
        return Answer.json(201, made.shown())
    # What exists is known to the place that writes, whatever its copies say.
    application = found if call.creates and found is not None else call.there(found)
    call.owned(application).properties.update(call.body())
    return Answer(204)


def _principal(call: _Call, app_id: str) -> Answer:
    application = call.owned(call.there(call.directory.by_app_id(app_id)))
    if application.principal_id is not None:
        return Answer(204)
    if not call.creates:
        raise graph_error(404, "Request_ResourceNotFound", "Resource does not exist or cannot be found.")
    application.principal_id = str(uuid.uuid4())
    return Answer.json(201, {"id": application.principal_id, "appId": app_id})


def _federations(call: _Call, application_id: str) -> Answer:
    application = call.there(call.directory.applications.get(application_id))
    return Answer.json(200, {"value": [_shown(one) for one in application.federations.values()]})


def _federate(call: _Call, application_id: str, name: str) -> Answer:
    application = call.owned(call.there(call.directory.applications.get(application_id)))
    body = call.body()
    wanted = Federation(name, body.get("issuer", ""), body.get("subject", ""), "".join(body.get("audiences", [])))
    there = application.federations.get(name)
    others = [one for one in application.federations.values() if one.name != name]
    if (
        not _NAME.fullmatch(name)
        or len(body.get("audiences", [])) != 1
        or not all(1 <= len(part) <= 600 for part in (wanted.issuer, wanted.subject, wanted.audience))
        or any((one.issuer, one.subject) == (wanted.issuer, wanted.subject) for one in others)
        or (there is None and len(others) >= _MOST_FEDERATIONS)
    ):
        raise graph_error(400, "Request_BadRequest", "Invalid federated identity credential.")
    if there is None and not call.creates:
        raise graph_error(404, "Request_ResourceNotFound", "Resource does not exist or cannot be found.")
    if there != wanted:
        application.federations[name] = evolve(wanted, born=call.directory.propagation.birth())
    return Answer(204) if there is not None else Answer.json(201, _shown(wanted))


def _shown(one: Federation) -> dict[str, object]:
    return {"name": one.name, "issuer": one.issuer, "subject": one.subject, "audiences": [one.audience]}


def _delete(call: _Call, application_id: str) -> Answer:
    application = call.owned(call.there(call.directory.applications.get(application_id)))
    call.directory.deleted[application_id] = call.directory.applications.pop(application.id)
    return Answer(204)


def _deleted(call: _Call) -> Answer:
    """Only the filter that a caller of ours needs."""
    found = re.fullmatch(r"displayName eq '((?:[^']|'')*)'", call.query.get("$filter", ""))
    if found is None:
        raise graph_error(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause.")
    name = found[1].replace("''", "'")
    there = [one.shown() for one in call.directory.deleted.values() if one.properties.get("displayName") == name]
    return Answer.json(200, {"value": there})


def _purge(call: _Call, application_id: str) -> Answer:
    if application_id not in call.directory.deleted:
        raise graph_error(404, "Request_ResourceNotFound", "Resource does not exist or cannot be found.")
    del call.directory.deleted[call.owned(call.directory.deleted[application_id]).id]
    return Answer(204)


_BY_NAME = r"/applications\(uniqueName='([^']+)'\)"
_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    (_BY_NAME, "GET", _read),
    (_BY_NAME, "PATCH", _upsert),
    (r"/servicePrincipals\(appId='([^']+)'\)", "PATCH", _principal),
    (r"/applications/([^/()]+)/federatedIdentityCredentials", "GET", _federations),
    (r"/applications/([^/()]+)/federatedIdentityCredentials\(name='([^']+)'\)", "PATCH", _federate),
    (r"/applications/([^/()]+)", "DELETE", _delete),
    (r"/directory/deletedItems/microsoft\.graph\.application", "GET", _deleted),
    (r"/directory/deletedItems/([^/()]+)", "DELETE", _purge),
)
