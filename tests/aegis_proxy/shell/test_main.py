import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aegis_proxy.shell import main
from support.mesh import RULES, Mesh, bearer, request
from support.proxy_process import ProxyProcess, policy, provider, rule
from support.raw_client import RawClient
from support.recording_origin import OK, Connection, RecordingOrigin
from support.waiting import eventually

GET = request(b"/public")


def flags(origin: RecordingOrigin, *more: str) -> list[str]:
    return ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", *more]


def wait_for_its_end(connection: Connection) -> None:
    connection.ended.wait(30)


def test_the_admin_port_answers(mesh: Mesh) -> None:
    """Alive, ready, and what is enforced; without secrets."""
    proxy = mesh.proxy
    assert (proxy.admin("/live").status, proxy.admin("/live").body) == (200, b"alive\n")
    assert (proxy.admin("/ready").status, proxy.admin("/ready").body) == (200, b"ready\n")
    shown = json.loads(proxy.admin("/snapshot").body)
    assert shown["policies"][0]["name"] == "orders"
    assert shown["missing"] == []
    assert b"eyJ" not in proxy.admin("/snapshot").body
    assert proxy.admin("/nothing").status == 404


def test_metrics_count_verdicts(mesh: Mesh) -> None:
    """By names from configuration."""
    mesh.ask(request(b"/public", b"Connection: close"))
    mesh.ask(request(b"/admin", b"Connection: close"))
    text = mesh.proxy.metrics()
    allowed = 'decision="allow",reason="",provider="corp",policy="orders",rule="public",status_class="2xx"'
    assert allowed in text
    assert 'decision="deny",reason="not_allowed"' in text
    assert 'aegis_request_duration_seconds_count{direction="inbound"}' in text
    assert "aegis_snapshot_generation" in text
    assert "aegis_source_unusable 0.0" in text


def test_each_request_has_a_line(mesh: Mesh) -> None:
    """With who it was, and no token."""
    mesh.ask(request(b"/public/line?a=b", b"Connection: close"))
    (line,) = eventually(lambda: [each for each in mesh.proxy.of("access") if each["path"] == "/public/line"])
    assert line["identity"] == "system:serviceaccount:shop:identity01"
    assert (line["direction"], line["rule"], line["status"], line["peer"]) == ("inbound", "public", 200, "127.0.0.1")


def test_a_change_of_the_resources_is_in_force_at_once(tmp_path: Path) -> None:
    """On open connections, too; what does not parse leaves the last good set, and says so."""
    with (
        RecordingOrigin() as origin,
        ProxyProcess(tmp_path, [provider(), policy(*RULES)], *flags(origin)) as proxy,
        RawClient(proxy.ingress) as client,
    ):
        assert client.send(GET).answer().status == 200
        proxy.resources.write_text("spec: [")
        eventually(lambda: proxy.of("resources cannot be used"))
        assert "aegis_source_unusable 1.0" in proxy.metrics()
        assert json.loads(proxy.admin("/snapshot").body)["source"]["problem"]
        assert client.send(GET).answer().status == 200
        proxy.apply(provider(), policy(rule("other", ["GET"], "/other")))
        eventually(lambda: client.send(GET).answer().status == 403)
        assert "aegis_source_unusable 0.0" in proxy.metrics()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A pod that cannot enforce is not ready, and lets nobody in."""
    with RecordingOrigin() as origin, ProxyProcess(tmp_path, [provider()], *flags(origin), wait=False) as proxy:
        assert (proxy.admin("/ready").status, proxy.admin("/ready").body) == (503, b"not ready: policy\n")
        with RawClient(proxy.ingress) as client:
            assert client.send(GET).answer().status == 403
        proxy.apply(provider(), policy(*RULES))
        eventually(lambda: proxy.admin("/ready").status == 200)
        proxy.check_log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_at_the_end_open_requests_are_finished(tmp_path: Path, number: int) -> None:
    """No new connection, no new request; then the end, with exit code 0."""

    def slow(connection: Connection) -> None:
        connection.head()
        eventually(lambda: len(asked) == 1)
        connection.send(OK)
        connection.receive()

    asked: list[bool] = []
    with RecordingOrigin() as origin, ProxyProcess(tmp_path, [provider(), policy(*RULES)], *flags(origin)) as proxy:
        origin.serve(slow)
        with RawClient(proxy.ingress) as busy, RawClient(proxy.ingress) as idle:
            busy.send(GET)
            eventually(lambda: origin.connections and origin.connections[0].data)
            proxy.stop(number)
            assert idle.rest() == b""
            eventually(lambda: proxy.admin("/ready").status == 503)
            with pytest.raises(ConnectionRefusedError):
                RawClient(proxy.ingress)
            asked.append(True)
            answer = busy.answer()
            assert (answer.status, answer.value(b"connection")) == (200, b"close")
            assert busy.rest() == b""
        assert proxy.wait() == 0
        assert proxy.of("stopped")
        proxy.check_log()


def test_the_grace_at_the_end_is_bounded(tmp_path: Path) -> None:
    """A request that does not end is broken off."""
    with RecordingOrigin() as origin:
        origin.serve(wait_for_its_end)
        short = flags(origin, "--drain-grace=0.2")
        with ProxyProcess(tmp_path, [provider(), policy(*RULES)], *short) as proxy, RawClient(proxy.ingress) as client:
            client.send(GET)
            eventually(lambda: origin.connections)
            proxy.stop()
            with pytest.raises(ConnectionResetError):
                client.rest()
            assert proxy.wait() == 0


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    """As the webhook sets them; and the app's probes are asked past policy (X25)."""
    with RecordingOrigin() as origin:
        probes = json.dumps({"app/readiness": {"port": origin.port, "path": "/healthy"}})
        env = {"AEGIS_PROVIDER": "corp", "AEGIS_POLICY": "orders", "AEGIS_PROBES": probes}
        env["AEGIS_INGRESS_UPSTREAM"] = f"127.0.0.1:{origin.port}"
        with ProxyProcess(tmp_path, [provider(), policy(*RULES)], environment=env) as proxy:
            with RawClient(proxy.ingress) as client:
                assert client.send(GET).answer().status == 200
            assert proxy.admin("/app-health/app/readiness").status == 200
            origin.answer(b"HTTP/1.1 503 Not yet\r\nContent-Length: 0\r\n\r\n")
            assert proxy.admin("/app-health/app/readiness").status == 503
            assert proxy.admin("/app-health/app/liveness").status == 404
        assert origin.targets == [b"/public", b"/healthy", b"/healthy"]
        assert origin.requests[1].value(b"authorization") is None


def test_without_an_app_to_go_to_there_is_a_502(tmp_path: Path) -> None:
    """The connection was not redirected, so nobody knows the app's port."""
    with ProxyProcess(tmp_path, [provider(), policy(*RULES)], "--provider=corp", "--policy=orders") as proxy:
        with RawClient(proxy.ingress) as client:
            assert client.send(GET).answer().status == 502
        assert eventually(lambda: proxy.of("refused"))[0]["reason"] == "no_upstream"
        assert bearer() not in "".join(proxy.lines).encode()


def test_the_kernel_is_asked_once_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a connection was bound for does not change from request to request."""
    asked: list[object] = []

    def original(transport: object) -> tuple[str, int]:
        asked.append(transport)
        return "10.0.0.1", 8080

    monkeypatch.setattr(main, "original_destination", original)
    connection: Any = SimpleNamespace(peer=b"10.0.0.9", original=None, transport=object())
    assert [main._app_of(connection) for _ in range(3)] == [("127.0.0.1", 8080)] * 3
    assert asked == [connection.transport]
