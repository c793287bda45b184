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
from aegis_reconcile.events import TICK
from servers.build import programs
from servers.control_plane import ControlPlane
from servers.deployment import SYSTEM, UserNamespace
from servers.reconcile_function import ReconcileFunction
from servers.vault import VaultServer
from servers.webhook_function import WebhookFunction
from support.event_sink import Event
from support.waiting import eventually

pytestmark = pytest.mark.servers

MANY = int(os.environ.get("AEGIS_MANY", "25"))
SECONDS = 90.0 + MANY
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


@pytest.fixture
def space(
    deployed_mesh: ControlPlane, webhook_function: WebhookFunction, namespace: str, audited: AuditedVault
) -> Iterator[UserNamespace]:
    """A namespace whose provider `vault` nobody has looked at yet."""
    key = deployed_mesh.signing_key.with_suffix(".pub").read_text()
    trusted = {"jwt_validation_pubkeys": [key], "bound_issuer": deployed_mesh.issuer}
    mount = audited.server.trust_cluster(trusted, Subject(SYSTEM, "aegis-reconcile"))
    space = UserNamespace(deployed_mesh, namespace)
    config = {"address": audited.server.url, "mount": mount.path, "accessor": mount.accessor}
    with webhook_function.registered():
        space.put("IdentityProvider", "vault", {"type": "hashicorp.vault", "audience": "a", "config": config})
        yield space


@pytest.mark.timeout(SECONDS * 3)
def test_many_events_cost_four_calls_each(
    space: UserNamespace, reconcile_function: ReconcileFunction, audited: AuditedVault
) -> None:
    """One after the other. Events of our own writes, and of changes that change nothing, cost Vault nothing."""
    with reconcile_function.source():
        provider = space.path("IdentityProvider", "vault")
        space.client.patch(provider, {"metadata": {"labels": {"touched": "yes"}}}).ok()
        eventually(lambda: space.condition(provider) == "True")
        audited.start()
        started = time.monotonic()
        paths = _identities(space)
        eventually(lambda: _ready(space) == MANY, SECONDS)
        calls = _told("by events", time.monotonic() - started, audited)
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


@pytest.mark.timeout(SECONDS * 3)
def test_a_tick_makes_many_at_once(
    space: UserNamespace, reconcile_function: ReconcileFunction, audited: AuditedVault
) -> None:
    """Whose events were lost, is made in four lanes, once; a tick that ran out of time leaves the rest to the next."""
    paths = _identities(space)
    audited.start()
    started = time.monotonic()
    tick = Event({"ce-id": "1", "ce-source": "/", "ce-specversion": "1.0", "ce-type": TICK}, b"")

    def ticked() -> bool:
        reconcile_function.deliver(tick)
        return _ready(space) == MANY

    eventually(ticked, SECONDS)
    calls = _told("by ticks", time.monotonic() - started, audited)
    assert [calls[kind] for kind in ("update identity/entity-alias", "create identity/oidc/role")] == [MANY] * 2
    for path in paths:
        space.client.patch(path, {"metadata": {"finalizers": []}}).ok()
        space.client.delete(path).ok()


def _identities(space: UserNamespace) -> list[str]:
    """Writes them; the paths."""
    return [space.put("Identity", f"i{number}", {"provider": "vault"}) for number in range(MANY)]


def _told(how: str, seconds: float, audited: AuditedVault) -> Counter[str]:
    """Prints the figures; the calls."""
    calls = audited.calls()
    sys.stdout.write(f"\n{MANY} Identities {how}: Ready after {seconds:.1f} s; {dict(calls)}\n")
    return calls


def _ready(space: UserNamespace) -> int:
    """How many Identities are Ready."""
    items = space.client.get(space.path("Identity")).ok()["items"]
    conditions = [item.get("status", {}).get("conditions", []) for item in items]
    return sum(any(found["type"] == "Ready" and found["status"] == "True" for found in each) for each in conditions)
