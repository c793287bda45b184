"""As much of Vault as the plugin asks for, for tests that need no real one. The same suite runs on the real Vault.

It refuses what Vault refuses, in Vault's words: a login is checked by the cluster's own keys, a role's tokens are for
the entity whose id is in its name, and a new alias has an entity of its own.
"""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from attrs import Factory, define, frozen

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.cluster import Cluster
from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.conformance.signing import KeyRing

POD_AUDIENCE = "vault"
_ALIAS_NAME = re.compile(r"\{\{identity\.entity\.aliases\.(\w+)\.name\}\}")


class _Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(errors)
        self.answer = Answer.json(status, {"errors": list(errors)})


@define
class _Entity:
    id: str
    alias: str
    custom_metadata: dict[str, str]


@frozen
class _Login:
    role: str
    entity: str


@define
class VaultInMemory:
    """`with VaultInMemory(cluster, host) as vault:` trusts that cluster; its ServiceAccount `host` may provision."""

    cluster: Cluster
    host: Subject
    mount: str = "jwt"
    accessor: str = "auth_jwt_1a2b3c4d"
    keys: KeyRing = Factory(lambda: KeyRing("RS256"))
    entities: dict[str, _Entity] = Factory(dict)
    roles: dict[str, Mapping[str, Any]] = Factory(dict)
    _tokens: dict[str, _Login] = Factory(dict)
    _server: LoopbackServer = Factory(lambda self: LoopbackServer(self._answer), takes_self=True)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> "VaultInMemory":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def contents(self) -> object:
        """All there is, with each entity called by its alias; but for the provisioning host's own."""
        names = {entity.id: entity.alias for entity in self.entities.values()}
        entities = {
            entity.alias: dict(entity.custom_metadata)
            for entity in self.entities.values()
            if entity.alias != str(self.host)
        }
        roles = {}
        for name, role in self.roles.items():
            found = re.search(r"[0-9a-f-]{36}", name)
            roles[name.replace(found[0], names.get(found[0], found[0])) if found else name] = dict(role)
        return entities, roles

    def _answer(self, request: Received) -> Answer:
        path = request.path.removeprefix("/v1/")
        if path.startswith("identity/oidc/.well-known/"):
            return self._public(path.rpartition("/")[2])
        try:
            if path == f"auth/{self.mount}/login":
                return self._log_in(request.json())
            login = self._tokens.get(request.headers.get("x-vault-token", ""))
            if login is None or login.role != ("aegis" if "/token/" in path else "aegis-reconcile"):
                raise _Refused(403, "permission denied")
            return self._authorized(request, path, login)
        except _Refused as refused:
            return refused.answer

    def _public(self, name: str) -> Answer:
        if name == "keys":
            return Answer.json(200, self.keys.key_set())
        return Answer.json(200, {"issuer": f"{self.url}/v1/identity/oidc"})

    def _log_in(self, body: Mapping[str, str]) -> Answer:
        audiences = {"aegis": POD_AUDIENCE, "aegis-reconcile": self.url}
        if body["role"] not in audiences:
            raise _Refused(400, f'role "{body["role"]}" could not be found')
        answer = run(BlockingHttp().request("GET", self.cluster.jwks_uri))
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(answer.json_object("keys"))).keys}
        try:
            key = keys[str(jwt.get_unverified_header(body["jwt"]).get("kid"))]
            claims = jwt.decode(
                body["jwt"],
                key.key,
                algorithms=["ES256"],
                audience=audiences[body["role"]],
                issuer=self.cluster.issuer,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise _Refused(400, f"error validating token: {error}") from None
        if body["role"] == "aegis-reconcile" and claims["sub"] != str(self.host):
            raise _Refused(400, "error validating token: invalid subject (sub) claim")
        entity = self._of(claims["sub"]) or self._new(claims["sub"], {})
        token = f"hvb.{uuid.uuid4().hex}"
        self._tokens[token] = _Login(body["role"], entity.id)
        return Answer.json(200, {"auth": {"client_token": token, "entity_id": entity.id}})

    def _authorized(self, request: Received, path: str, login: _Login) -> Answer:
        folder, _, name = path.rpartition("/")
        routes: Mapping[str, Callable[[], Answer]] = {
            "sys/auth": lambda: Answer.json(200, {"data": {f"{self.mount}/": {"accessor": self.accessor}}}),
            "identity/lookup/entity": lambda: self._look_up(request.json()),
            "identity/entity-alias": lambda: self._put_alias(request.json()),
        }
        if path in routes:
            return routes[path]()
        if folder == "identity/entity/id" and request.method == "DELETE":
            self.entities.pop(name, None)
            return Answer(204)
        if folder == "identity/oidc/role":
            return self._role(request, name)
        if folder == "identity/oidc/token":
            return self._token(name, self.entities.get(login.entity))
        raise _Refused(404, "no handler for route")

    def _of(self, alias: str) -> _Entity | None:
        return next((entity for entity in self.entities.values() if entity.alias == alias), None)

    def _new(self, alias: str, custom_metadata: dict[str, str]) -> _Entity:
        entity = _Entity(str(uuid.uuid4()), alias, custom_metadata)
        self.entities[entity.id] = entity
        return entity

    def _look_up(self, body: Mapping[str, str]) -> Answer:
        entity = self._of(body["alias_name"]) if body["alias_mount_accessor"] == self.accessor else None
        if entity is None:
            return Answer(204)
        alias = {
            "name": entity.alias,
            "mount_accessor": self.accessor,
            "custom_metadata": entity.custom_metadata or None,
        }
        none: dict[str, object] = {"metadata": None, "policies": [], "direct_group_ids": []}
        return Answer.json(
            200, {"data": {"id": entity.id, "name": f"entity_{entity.id[:8]}", "aliases": [alias], **none}}
        )

    def _put_alias(self, body: Mapping[str, Any]) -> Answer:
        if body["mount_accessor"] != self.accessor:
            raise _Refused(400, f'invalid mount accessor "{body["mount_accessor"]}"')
        entity = self._of(body["name"])
        if entity is not None and entity.custom_metadata == body["custom_metadata"]:
            return Answer(204)
        if entity is None:
            entity = self._new(body["name"], {})
        entity.custom_metadata = dict(body["custom_metadata"])
        return Answer.json(200, {"data": {"id": str(uuid.uuid4()), "canonical_id": entity.id}})

    def _role(self, request: Received, name: str) -> Answer:
        if request.method == "DELETE":
            self.roles.pop(name, None)
            return Answer(204)
        if request.method == "GET":
            if name not in self.roles:
                raise _Refused(404)
            return Answer.json(200, {"data": dict(self.roles[name])})
        self.roles[name] = request.json()
        return Answer(204)

    def _token(self, name: str, entity: _Entity | None) -> Answer:
        if entity is None or not name.startswith(f"aegis.{self.mount}.{entity.id}."):
            raise _Refused(403, "1 error occurred:\n\t* permission denied\n\n")
        if name not in self.roles:
            raise _Refused(400, f'role "{name}" not found')
        role = self.roles[name]
        found = _ALIAS_NAME.search(role["template"])
        named = {"name": entity.alias, "mount": self.mount} if found and found[1] == self.accessor else {}
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/v1/identity/oidc",
            "sub": entity.id,
            "aud": role["client_id"],
            "namespace": "root",
            "iat": now,
            "exp": now + role["ttl"],
            **named,
        }
        return Answer.json(200, {"data": {"token": self.keys.current.sign(claims), "client_id": role["client_id"]}})
