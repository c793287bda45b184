import ssl
import stat
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from twisted.internet.threads import deferToThread

from aegis_local.kube.embedded import EmbeddedKubernetes
from support.embedded import Embedded, embedded_kubernetes
from support.on_reactor import on_reactor, reactor


def get(url: str, authority: Path, token: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """One request with its own connection."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method=method)
    context = ssl.create_default_context(cafile=str(authority))
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_start_and_stop(tmp_path: Path) -> None:
    """It writes what clients need, answers them, and then listens no more."""

    async def scene() -> tuple[Any, Any, Any]:
        server = await EmbeddedKubernetes.start(reactor, tmp_path / "k")
        authority = tmp_path / "k" / "ca.crt"
        fine = await deferToThread(get, f"{server.url}/readyz", authority, server.admin_token)
        faults = await deferToThread(get, f"{server.url}/debug/faults", authority, server.admin_token, "POST", b"{}")
        server.rotate_signing_key()
        await server.stop()
        await server.stop()
        try:
            await deferToThread(get, f"{server.url}/readyz", authority, server.admin_token)
        except OSError as error:
            return fine, faults, error
        return fine, faults, None

    fine, faults, closed = on_reactor(scene())
    assert fine == (200, b"ok")
    assert faults[0] == 405
    assert isinstance(closed, OSError)
    config = yaml.safe_load((tmp_path / "k" / "kubeconfig").read_text())
    assert config["current-context"] == "aegis"
    assert stat.S_IMODE((tmp_path / "k" / "kubeconfig").stat().st_mode) == 0o600


def test_a_kubeconfig_is_never_seen_half_written(tmp_path: Path) -> None:
    """A new one takes the place of the old, which whoever has it open reads to its end."""
    old = tmp_path / "kubeconfig"
    old.write_text("old")

    async def scene() -> None:
        server = await EmbeddedKubernetes.start(reactor, tmp_path)
        await server.stop()

    with old.open() as reading:
        on_reactor(scene())
        assert reading.read() == "old"
    assert yaml.safe_load(old.read_text())["current-context"] == "aegis"
    assert {path.name for path in tmp_path.iterdir()} == {"kubeconfig", "ca.crt"}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with embedded_kubernetes(tmp_path_factory.mktemp("embedded")) as server:
        yield server


@pytest.mark.parametrize(
    "fault", ["compact", "drop-watches", "expire-watches", "rotate-signing-key", "retire-signing-keys"]
)
def test_faults_can_be_injected(process: Embedded, fault: str) -> None:
    """Where the command was started with --faults."""
    body = f'{{"fault": "{fault}"}}'.encode()
    assert get(f"{process.url}/debug/faults", process.ca, process.token, "POST", body)[0] == 200


def test_unknown_faults_are_refused(process: Embedded) -> None:
    """404, so that a test with a typing error fails."""
    assert get(f"{process.url}/debug/faults", process.ca, process.token, "POST", b'{"fault": "bogus"}')[0] == 404


def test_strangers_get_nothing(process: Embedded) -> None:
    """Every path wants a known user."""
    assert get(f"{process.url}/readyz", process.ca, "wrong")[0] == 401
