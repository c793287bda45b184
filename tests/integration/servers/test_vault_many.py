"""Many Identities at once, from nothing to Ready: what they cost Vault, counted in its audit log.

`AEGIS_MANY` is how many; the figures in docs/providers/vault.md are those of 1000, printed at the end (`pytest -s`).
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegis_api.names import Subject
from servers.build import programs
from servers.control_plane import ControlPlane
from servers.deployment import SYSTEM, UserNamespace
from servers.reconcile_function import ReconcileFunction
from servers.vault import VaultServer
from servers.webhook_function import WebhookFunction
from support.waiting import eventually

pytestmark = pytest.mark.servers

MANY = int(os.environ.get("AEGIS_MANY", "40"))
SECONDS = 60.0 + MANY
MOST_CALLS = 4


class AuditedVault:
    """A Vault of the test's own. `calls()` counts requests by their kind since `start()`."""

    def __init__(self, server: VaultServer, log: Path) -> None:
        self.server = server
        self._log = log
        self._position = 0
        server.ask("POST", "sys/audit/file", {"type": "file", "options": {"file_path": str(log)}})

    def start(self) -> None:
        self._position = self._log.stat().st_size

    def calls(self) -> Counter[str]:
        with self._log.open("rb") as log:
            log.seek(self._position)
            entries = [json.loads(line) for line in log]
        return Counter(_kind(entry["request"]) for entry in entries if entry["type"] == "request")


def _kind(request: dict[str, Any]) -> str:
    return f"{request['operation']} {request['path'].partition('/aegis.')[0]}"


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[AuditedVault]:
    with VaultServer(programs("vault")["vault"], tmp_path / "vault.log") as server:
        yield AuditedVault(server, tmp_path / "audit.log")


@pytest.mark.timeout(SECONDS * 3)
def test_many_identities_cost_four_calls_each(
    deployed_mesh: ControlPlane,
    webhook_function: WebhookFunction,
    reconcile_function: ReconcileFunction,
    namespace: str,
    audited: AuditedVault,
) -> None:
    """Events of our own writes, and changes that change nothing, cost Vault nothing; removal leaves nothing."""
    key = deployed_mesh.signing_key.with_suffix(".pub").read_text()
    trusted = {"jwt_validation_pubkeys": [key], "bound_issuer": deployed_mesh.issuer}
    mount = audited.server.trust_cluster(trusted, Subject(SYSTEM, "aegis-reconcile"))
    space = UserNamespace(deployed_mesh, namespace)
    config = {"address": audited.server.url, "mount": mount.path, "accessor": mount.accessor}
    with webhook_function.registered(), reconcile_function.source():
        provider = space.put(
            "IdentityProvider", "vault", {"type": "hashicorp.vault", "audience": "a", "config": config}
        )
        eventually(lambda: space.condition(provider) == "True")
        audited.start()
        started = time.monotonic()
        paths = [space.put("Identity", f"i{number}", {"provider": "vault"}) for number in range(MANY)]
        written = time.monotonic() - started
        eventually(lambda: _ready(space) == MANY, SECONDS)
        ready = time.monotonic() - started
        calls = audited.calls()
        sys.stdout.write(f"\n{MANY} Identities: written in {written:.1f} s, Ready after {ready:.1f} s; {dict(calls)}\n")
        assert calls.total() <= MOST_CALLS * MANY
        assert all(count == MANY for count in calls.values())
        for path in paths:
            space.client.patch(path, {"metadata": {"labels": {"touched": "yes"}}}).ok()
        last = space.put("Identity", "last", {"provider": "vault"})
        eventually(lambda: space.condition(last) == "True", SECONDS)
        assert audited.calls().total() - calls.total() <= MOST_CALLS
        for path in (*paths, last):
            space.client.delete(path).ok()
        eventually(lambda: space.client.get(space.path("Identity")).ok()["items"] == [], SECONDS)
    assert audited.server.keys("identity/oidc/role") == []


def _ready(space: UserNamespace) -> int:
    """How many Identities are Ready."""
    items = space.client.get(space.path("Identity")).ok()["items"]
    conditions = [item.get("status", {}).get("conditions", []) for item in items]
    return sum(any(found["type"] == "Ready" and found["status"] == "True" for found in each) for each in conditions)
