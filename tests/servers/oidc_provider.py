"""npm's `oidc-provider` (a certified OpenID provider) as a process on loopback."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jwt

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.errors import Unavailable
from servers.build import Report, say
from servers.packages import oidc_provider
from servers.processes import ServerProcess, free_port

READY_SECONDS = 60.0


class OidcProvider:
    """The running server. Clients are as in OpenID Connect Dynamic Client Registration 1.0."""

    def __init__(self, issuer: str, audiences: frozenset[str]) -> None:
        self.issuer = issuer
        self._audiences = sorted(audiences)
        self._clients: dict[str, Mapping[str, object]] = {}
        self._keys = [SigningKey.make("RS256")]

    def register(self, client_id: str, **metadata: object) -> None:
        """Lets a client get tokens by client_credentials."""
        common = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
        self._clients[client_id] = {"client_id": client_id, **common, **metadata}
        self.set_up()

    def rotate(self, overlap: bool) -> None:
        """Signs with a new key; without `overlap` the former ones are withdrawn."""
        self._keys = [SigningKey.make("RS256"), *(self._keys if overlap else ())]
        self.set_up()

    def set_up(self) -> None:
        keys = [_private_jwk(key) for key in self._keys]
        clients = list(self._clients.values())
        settings = {"issuer": self.issuer, "clients": clients, "keys": keys, "audiences": self._audiences}
        answer = run(BlockingHttp().request("PUT", f"{self.issuer}/settings", body=json.dumps(settings).encode()))
        if answer.status != 204:
            raise Unavailable(f"oidc-provider does not take its settings: {answer.status}")


@contextmanager
def started_oidc_provider(audiences: frozenset[str], report: Report = say) -> Iterator[OidcProvider]:
    """The server, installed when it is missing, until the end of the block."""
    home = oidc_provider(report)
    port = free_port()
    with TemporaryDirectory(prefix="aegis-oidc-provider-") as folder:
        log = Path(folder) / "oidc-provider.log"
        with ServerProcess(["node", home / "server.mjs", str(port)], log) as process:
            server = OidcProvider(f"http://127.0.0.1:{port}", audiences)
            process.wait_until(lambda: _is_up(server), READY_SECONDS)
            yield server


def _is_up(server: OidcProvider) -> bool:
    try:
        server.set_up()
    except Unavailable:
        return False
    return True


def _private_jwk(key: SigningKey) -> dict[str, Any]:
    private: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.private))
    return {**private, "kid": key.kid, "alg": key.algorithm, "use": "sig"}
