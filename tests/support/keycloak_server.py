"""A server that is to the plugin what Keycloak is, for the tier without Java: one realm, its admin API, its tokens.

It verifies what Keycloak verifies: assertions against the issuer's published keys, `iss`, `aud`, `exp` and the client
that is federated with their `sub`; scopes that the client has; the admin's token and role. The same tests run on the
real server (tests/integration/servers/test_oidc_plugin.py), which is what holds this one to the truth.
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import Cluster
from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.conformance.signing import KeyRing

_OWN = {"secret": "a-secret-that-nobody-uses", "access": {"manage": True}}
_NO_CLIENT = {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}

Document = dict[str, Any]


class No(Exception):  # an answer, not a fault
    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        super().__init__(status)
        self.answer = Answer.json(status, body)


class KeycloakServer:
    """`with KeycloakServer(cluster, manager="system:serviceaccount:...") as server:` runs it.

    `manager` is the subject whose client may manage clients. `clients` and `scopes` are by their own ids.
    """

    def __init__(self, cluster: Cluster, manager: str) -> None:
        self._cluster = cluster
        self._server = LoopbackServer(self._answer)
        self._manager = manager
        self.issuer = f"{self._server.url}/realms/mesh"
        self.keys = KeyRing("RS256")
        self.clients: dict[str, Document] = {}
        self.scopes: dict[str, Document] = {
            "id-of-roles": {"id": "id-of-roles", "name": "roles", "protocolMappers": []}
        }

    def __enter__(self) -> "KeycloakServer":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def rotate(self, overlap: bool) -> None:
        self.keys.rotate(overlap=overlap)

    def _answer(self, request: Received) -> Answer:
        target = urlsplit(request.path)
        realm, admin = "/realms/mesh", "/admin/realms/mesh"
        try:
            if request.method == "GET" and target.path == f"{realm}/.well-known/openid-configuration":
                token, keys = f"{self.issuer}/protocol/openid-connect/token", f"{self.issuer}/keys"
                return Answer.json(200, {"issuer": self.issuer, "token_endpoint": token, "jwks_uri": keys})
            if request.method == "GET" and target.path == f"{realm}/keys":
                return Answer.json(200, self.keys.key_set())
            if request.method == "POST" and target.path == f"{realm}/protocol/openid-connect/token":
                return self._token(request.form())
            if target.path.startswith(f"{admin}/"):
                self._require_manager(request.bearer())
                path = target.path.removeprefix(f"{admin}/").split("/")
                return self._admin(request, path, parse_qs(target.query))
        except No as no:
            return no.answer
        return Answer.json(404, {"error": "HTTP 404 Not Found"})

    def _token(self, form: Mapping[str, str]) -> Answer:
        if form.get("grant_type") != "client_credentials":
            raise No(400, {"error": "unsupported_grant_type"})
        subject = self._subject_of(form.get("client_assertion", ""))
        client_id, scopes = "aegis-reconcile", list[Document]()
        if subject != self._manager:
            found = [one for one in self.clients.values() if one["attributes"]["jwt.credential.sub"] == subject]
            if len(found) != 1 or found[0]["clientAuthenticatorType"] != "federated-jwt" or "client_id" in form:
                raise No(401, _NO_CLIENT)
            client_id, scopes = found[0]["clientId"], self._granted(found[0], form.get("scope", ""))
        audiences = [
            mapper["config"]["included.custom.audience"] for one in scopes for mapper in one["protocolMappers"]
        ]
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        claims = {"iss": self.issuer, "sub": str(uuid.uuid4()), "azp": client_id, "aud": audiences, **times}
        return Answer.json(200, {"access_token": self.keys.current.sign(claims), "token_type": "Bearer"})

    def _granted(self, client: Document, wanted: str) -> list[Document]:
        names = {*wanted.split(), *client["defaultClientScopes"]}
        if unknown := set(wanted.split()) - set(client["optionalClientScopes"]):
            raise No(400, {"error": "invalid_scope", "error_description": f"Invalid scopes: {' '.join(unknown)}"})
        return [scope for scope in self.scopes.values() if scope["name"] in names]

    def _subject_of(self, assertion: str) -> str:
        answer = run(BlockingHttp().request("GET", self._cluster.jwks_uri)).good_answer("the cluster's keys")
        try:
            kid = jwt.get_unverified_header(assertion).get("kid")
            (key,) = (key for key in jwt.PyJWKSet.from_dict(dict(answer)).keys if key.key_id == kid)
            claims = jwt.decode(
                assertion,
                key.key,
                algorithms=["ES256"],
                audience=self.issuer,
                issuer=self._cluster.issuer,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except (jwt.PyJWTError, ValueError):
            raise No(400, {"error": "invalid_client", "error_description": "Invalid token"}) from None
        return str(claims["sub"])

    def _require_manager(self, token: str) -> None:
        try:
            key = jwt.PyJWK(self.keys.current.jwk()).key
            claims = jwt.decode(token, key, algorithms=["RS256"], issuer=self.issuer, options={"verify_aud": False})
        except jwt.PyJWTError:
            raise No(401, {"error": "HTTP 401 Unauthorized"}) from None
        if claims["azp"] != "aegis-reconcile":
            raise No(403, {"error": "HTTP 403 Forbidden"})

    def _admin(self, request: Received, path: list[str], query: Mapping[str, list[str]]) -> Answer:
        match request.method, path:
            case "GET", ["clients"]:
                wanted = query["clientId"][0]
                return Answer.json(200, [one for one in self.clients.values() if one["clientId"] == wanted])
            case "POST", ["clients"]:
                return self._make(self.clients, "clientId", {**_OWN, **request.json()}, self._added_by_itself)
            case "POST", ["client-scopes"]:
                return self._make(self.scopes, "name", request.json(), lambda document: document)
            case "PUT", ["clients", own_id]:
                changed, kept = request.json(), self._found(self.clients, own_id)
                scopes = {key: kept[key] for key in ("defaultClientScopes", "optionalClientScopes")}
                attributes = {**kept["attributes"], **changed["attributes"]}
                self.clients[own_id] = {**kept, **changed, **scopes, "attributes": attributes}
                return Answer(204)
            case "GET", ["client-scopes", scope_id]:
                return Answer.json(200, self._found(self.scopes, scope_id))
            case "DELETE", ["clients" | "client-scopes" as kind, own_id]:
                return self._remove(kind, own_id)
            case method, ["clients", own_id, ("optional-client-scopes" | "default-client-scopes") as kind, *scope_id]:
                return self._assigned(method, own_id, f"{kind.split('-')[0]}ClientScopes", *scope_id)
        raise No(404, {"error": "HTTP 404 Not Found"})

    def _make(self, there: dict[str, Document], name: str, document: Document, complete: Any) -> Answer:
        own_id = document.get("id") or str(uuid.uuid4())
        if own_id in there or any(one[name] == document[name] for one in there.values()):
            raise No(409, {"errorMessage": f"{document[name]} already exists"})
        there[own_id] = complete({**document, "id": own_id})
        return Answer(201, headers={"location": f"{self._server.url}/admin/realms/mesh/x/{own_id}"})

    def _added_by_itself(self, client: Document) -> Document:
        return {**client, "defaultClientScopes": [*client["defaultClientScopes"], "service_account"]}

    def _found(self, there: Mapping[str, Document], own_id: str) -> Document:
        if own_id not in there:
            raise No(404, {"error": "Could not find it"})
        return json.loads(json.dumps(there[own_id]))  # type: ignore[no-any-return]  # a copy of a document

    def _remove(self, kind: str, own_id: str) -> Answer:
        there = self.clients if kind == "clients" else self.scopes
        gone = self._found(there, own_id)
        del there[own_id]
        if kind == "client-scopes":
            for client in self.clients.values():
                for held in ("defaultClientScopes", "optionalClientScopes"):
                    client[held] = [name for name in client[held] if name != gone["name"]]
        return Answer(204)

    def _assigned(self, method: str, own_id: str, kind: str, scope_id: str = "") -> Answer:
        self._found(self.clients, own_id)
        held = self.clients[own_id][kind]
        if method == "GET":
            return Answer.json(
                200, [{"id": one["id"], "name": one["name"]} for one in self.scopes.values() if one["name"] in held]
            )
        name = self._found(self.scopes, scope_id)["name"]
        self.clients[own_id][kind] = [one for one in held if one != name] + ([name] if method == "PUT" else [])
        return Answer(204)
