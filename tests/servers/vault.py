"""A real Vault, in memory, on loopback, with auth methods that trust a cluster as docs/providers/vault.md says.

Vault is Business Source licensed: it is built unmodified, used here as a test server, and never shipped.
"""

import itertools
import json
import secrets
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path

from attrs import frozen

from aegis_api.names import Subject
from servers.processes import ServerProcess, free_port

READY_SECONDS = 60.0
_MOUNTS = itertools.count(1)

POD_POLICY = """
path "identity/oidc/token/aegis.{mount}.{{{{identity.entity.id}}}}.*" {{ capabilities = ["read"] }}
"""
RECONCILE_POLICY = """
path "sys/auth" {{ capabilities = ["read"] }}
path "identity/lookup/entity" {{
  capabilities = ["create", "update"]
  allowed_parameters = {{ "alias_name" = ["system:serviceaccount:*"], "alias_mount_accessor" = ["{accessor}"] }}
}}
path "identity/entity-alias" {{
  capabilities = ["create", "update"]
  allowed_parameters = {{
    "name" = ["system:serviceaccount:*"], "mount_accessor" = ["{accessor}"], "custom_metadata" = []
  }}
}}
path "identity/entity/id/*" {{ capabilities = ["delete"] }}
path "identity/oidc/role/aegis.{mount}.*" {{ capabilities = ["create", "read", "update", "delete"] }}
"""


@frozen
class Mount:
    """A JWT auth method that trusts one cluster."""

    path: str
    accessor: str


class VaultServer:
    """`with VaultServer(program, log) as vault:` runs it; `ask` is its API with the root token."""

    def __init__(self, program: Path, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.root_token = secrets.token_hex(16)
        listen = f"-dev-listen-address=127.0.0.1:{self.port}"
        command: list[str | Path] = [program, "server", "-dev", "-dev-no-store-token", listen]
        self.process = ServerProcess(command, log, {"VAULT_DEV_ROOT_TOKEN_ID": self.root_token})

    def __enter__(self) -> "VaultServer":
        self.process.start()
        self.process.wait_until(self._ready, READY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        """The JSON object of an answer, empty for 204 and 404. Raises AssertionError for other errors."""
        status, answer = self._request(method, path, body)
        assert status < 300 or status == 404, f"{method} {path}: {status} {answer!r}"
        parsed: dict[str, object] = json.loads(answer) if answer and status < 300 else {}
        return parsed

    def data(self, path: str, method: str = "GET") -> dict[str, object]:
        """The `data` of an answer; empty if there is nothing at `path`."""
        found = self.ask(method, path).get("data")
        return found if isinstance(found, dict) else {}

    def keys(self, path: str) -> list[str]:
        """The names below `path`."""
        found = self.data(path, "LIST").get("keys")
        return sorted(found) if isinstance(found, list) else []

    def trust_cluster(
        self, config: Mapping[str, object], reconcile: Subject, pods: str = "vault", path: str = ""
    ) -> Mount:
        """A new auth method with `config`, its two roles and their policies. `pods` is the audience of pods' tokens."""
        path = path or f"jwt-{next(_MOUNTS)}"
        self.ask("POST", f"sys/auth/{path}", {"type": "jwt"})
        mounts = self.data("sys/auth")
        found = mounts[f"{path}/"]
        assert isinstance(found, dict)
        mount = Mount(path, str(found["accessor"]))
        self.ask("POST", f"auth/{path}/config", config)
        self._role(mount, "aegis", pods, POD_POLICY, {})
        self._role(mount, "aegis-reconcile", self.url, RECONCILE_POLICY, {"bound_subject": str(reconcile)})
        return mount

    def change_role(self, mount: str, name: str, **changes: object) -> None:
        """Changes a role of an auth method; what is not said stays."""
        self.ask("POST", f"auth/{mount}/role/{name}", {"role_type": "jwt", **changes})

    def _role(self, mount: Mount, name: str, audience: str, policy: str, bound: Mapping[str, object]) -> None:
        text = policy.format(mount=mount.path, accessor=mount.accessor)
        policy_name = f"{name}-{mount.path}"
        self.ask("POST", f"sys/policies/acl/{policy_name}", {"policy": text})
        role = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [audience],
            "token_policies": [policy_name],
            "token_no_default_policy": True,
            "token_type": "batch",
            "token_ttl": "60s",
            **bound,
        }
        self.ask("POST", f"auth/{mount.path}/role/{name}", role)

    def _ready(self) -> bool:
        try:
            return self._request("GET", "sys/health", None)[0] == 200
        except OSError:
            return False

    def _request(self, method: str, path: str, body: Mapping[str, object] | None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/v1/{path}", content, {"x-vault-token": self.root_token})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def contents(vault: VaultServer, mount: Mount) -> dict[str, object]:
    """All that exists for identities of `mount`, and the rest by name, as a value that does not depend on random ids.

    An entity is called by the name of its alias there, also in the names of its roles.
    """
    entities: dict[str, object] = {}
    called: dict[str, str] = {}
    for entity_id in vault.keys("identity/entity/id"):
        entity = vault.data(f"identity/entity/id/{entity_id}")
        aliases = entity["aliases"]
        assert isinstance(aliases, list)
        of_mount = [alias for alias in aliases if alias["mount_accessor"] == mount.accessor]
        for alias in of_mount:
            called[entity_id] = alias["name"]
        name = called.get(entity_id, entity_id)
        entities[name] = {
            "aliases": sorted(
                (alias["name"], alias["mount_accessor"], str(alias["custom_metadata"])) for alias in aliases
            ),
            **{field: entity[field] for field in ("metadata", "policies", "direct_group_ids", "disabled")},
        }
    roles = {}
    for name in vault.keys("identity/oidc/role"):
        shown = name
        for entity_id, alias_name in called.items():
            shown = shown.replace(entity_id, alias_name)
        roles[shown] = vault.data(f"identity/oidc/role/{name}")
    return {
        "entities": entities,
        "roles": roles,
        "auth roles": vault.keys(f"auth/{mount.path}/role"),
        "policies": vault.keys("sys/policies/acl"),
        "oidc keys": vault.keys("identity/oidc/key"),
    }


def clear(vault: VaultServer, mount: Mount) -> None:
    """Removes `mount` and what was made with it, so that the next test meets nothing of it."""
    for entity_id in vault.keys("identity/entity/id"):
        vault.ask("DELETE", f"identity/entity/id/{entity_id}")
    for name in vault.keys("identity/oidc/role"):
        vault.ask("DELETE", f"identity/oidc/role/{name}")
    for name in ("aegis", "aegis-reconcile"):
        vault.ask("DELETE", f"sys/policies/acl/{name}-{mount.path}")
    vault.ask("DELETE", f"sys/auth/{mount.path}")
