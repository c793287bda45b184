"""Keycloak 26.5 as a process on loopback, and a realm of it in which a cluster's ServiceAccounts are known.

Ready about 20 s after its start on an idle machine. What it keeps is in memory and ends with it.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.errors import Unavailable
from aegis_idp.http import Response
from servers.build import Report, say
from servers.packages import keycloak
from servers.processes import ServerProcess, free_port

ADMIN = "admin"
READY_SECONDS = 300.0
KEPT_SECONDS = 30.0
# What bin/kc.sh passes on, with bounds. It is not run itself: it would start Java as a child, which outlives it when a
# test run is killed.
JVM = (
    *("-Xms64m", "-Xmx512m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("util", "util.concurrent", "security")),
)
ALIAS = "kubernetes"


class Refused(Exception):  # named by what happened
    """Keycloak did not do what the tests need."""


@frozen
class Keycloak:
    """The server at `url`, whose administrator has the password `password`."""

    url: str
    password: str = field(repr=False)
    http: BlockingHttp = field(factory=lambda: BlockingHttp(seconds=60))
    _kept: dict[str, float] = field(factory=dict, init=False, repr=False)

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the admin API to its administrator: JSON, or the path's last part of a new object's address."""
        headers = {"authorization": f"Bearer {self._token()}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        response = self._ask(method, f"/admin{path}", headers, content)
        if not 200 <= response.status < 300:
            raise Refused(f"{method} {path}: {response.status} {response.body.decode(errors='replace')}")
        if response.body:
            return json.loads(response.body)
        return response.headers.get("location", "").rpartition("/")[2]

    def _token(self) -> str:
        """It lives for a minute, and each login costs the hash of a password."""
        for token, until in self._kept.items():
            if time.monotonic() < until:
                return token
        form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": self.password}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        path = "/realms/master/protocol/openid-connect/token"
        answer = self._ask("POST", path, headers, urlencode(form).encode()).good_answer("login")
        self._kept.clear()
        self._kept[str(answer["access_token"])] = time.monotonic() + KEPT_SECONDS
        return str(answer["access_token"])

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        return run(self.http.request(method, self.url + path, headers=headers, body=body))


@contextmanager
def started_keycloak(trusted: Path, report: Report = say) -> Iterator[Keycloak]:
    """Keycloak, fetched when it is missing, until the end of the block. It trusts the authorities in `trusted`."""
    home = keycloak(report)
    port, password = free_port(), secrets.token_urlsafe(16)
    with TemporaryDirectory(prefix="aegis-keycloak-") as folder:
        process = ServerProcess(
            [
                *("java", *JVM, f"-Djava.io.tmpdir={folder}"),
                *(f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}"),
                *("-cp", str(home / "lib" / "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint"),
                *("start", "--optimized", "--http-enabled=true", "--hostname-strict=false"),
                *("--http-host=127.0.0.1", f"--http-port={port}"),
                f"--truststore-paths={trusted}",
                # The tests change the cluster's keys more often than Keycloak looks for new ones.
                "--spi-public-key-storage--infinispan--min-time-between-requests=0",
            ],
            Path(folder) / "keycloak.log",
            {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": password},
        )
        with process:
            server = Keycloak(f"http://127.0.0.1:{port}", password)
            process.wait_until(lambda: _is_up(server), READY_SECONDS)
            yield server


def _is_up(server: Keycloak) -> bool:
    try:
        return run(BlockingHttp(seconds=5).request("GET", f"{server.url}/realms/master")).status == 200
    except Unavailable:
        return False


@frozen
class Realm:
    """A realm that trusts the ServiceAccount tokens of one issuer, by its identity provider `kubernetes`."""

    server: Keycloak
    name: str

    @classmethod
    def make(cls, server: Keycloak, issuer: str) -> "Realm":
        name = f"mesh-{secrets.token_hex(4)}"
        server.admin("POST", "/realms", {"realm": name, "enabled": True})
        realm = cls(server, name)
        provider = {"alias": ALIAS, "providerId": "kubernetes", "enabled": True, "config": {"issuer": issuer}}
        realm.admin("POST", "/identity-provider/instances", provider)
        return realm

    @property
    def issuer(self) -> str:
        return f"{self.server.url}/realms/{self.name}"

    def admin(self, method: str, path: str, body: object = None) -> Any:
        return self.server.admin(method, f"/realms/{self.name}{path}", body)

    def make_client(self, client_id: str, subject: Subject, **more: object) -> str:
        """A client that authenticates by the ServiceAccount tokens of `subject`; its own id."""
        client = {
            "clientId": client_id,
            "clientAuthenticatorType": "federated-jwt",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "attributes": {"jwt.credential.issuer": ALIAS, "jwt.credential.sub": str(subject)},
            **more,
        }
        return str(self.admin("POST", "/clients", client))

    def let_manage_clients(self, own_id: str) -> None:
        """Gives a client's service account the one role that provisioning needs."""
        user = self.admin("GET", f"/clients/{own_id}/service-account-user")["id"]
        (management,) = self.admin("GET", "/clients?clientId=realm-management")
        role = self.admin("GET", f"/clients/{management['id']}/roles/manage-clients")
        self.admin("POST", f"/users/{user}/role-mappings/clients/{management['id']}", [role])

    def clients(self, prefix: str) -> list[dict[str, Any]]:
        return [client for client in self.admin("GET", "/clients") if client["clientId"].startswith(prefix)]

    def scopes(self, prefix: str) -> list[dict[str, Any]]:
        return [scope for scope in self.admin("GET", "/client-scopes") if scope["name"].startswith(prefix)]

    def clear(self, prefix: str) -> None:
        """Removes the clients and client scopes of that prefix, whoever made them."""
        for client in self.clients(prefix):
            self.admin("DELETE", f"/clients/{client['id']}")
        for scope in self.scopes(prefix):
            self.admin("DELETE", f"/client-scopes/{scope['id']}")

    def rotate(self, overlap: bool) -> None:
        """Signs with a new key; without `overlap` the former ones are withdrawn."""
        kind = "org.keycloak.keys.KeyProvider"
        former = self.admin("GET", f"/components?type={kind}")
        mine = [one for one in former if one["providerId"] == "rsa-generated"]
        highest = max(int(one["config"].get("priority", ["0"])[0]) for one in mine)
        config = {"priority": [str(highest + 1)], "algorithm": ["RS256"], "keySize": ["2048"]}
        name = secrets.token_hex(4)
        key = {"name": name, "providerId": "rsa-generated", "providerType": kind, "config": config}
        self.admin("POST", "/components", key)
        if not overlap:
            for one in mine:
                self.admin("DELETE", f"/components/{one['id']}")
