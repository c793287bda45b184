"""While nothing is heard of the API server: closed before its first word, and again after too long."""

import socket
from pathlib import Path

import pytest

from support.proxy_process import ProxyProcess, token
from support.raw_client import Answer, RawClient
from support.recording_origin import RecordingOrigin
from support.waiting import eventually
from support.watched_api import WatchedApi, kubeconfig


def ask(proxy: ProxyProcess, path: bytes = b"/one") -> Answer:
    with RawClient(proxy.ingress) as client:
        head = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token() + b"\r\n\r\n"
        return client.send(head).answer()


@pytest.mark.attack("K01", "K04")
def test_silence_closes_and_a_word_opens(tmp_path: Path) -> None:
    """503 until the API server was heard of once. What it said holds for --max-staleness. Then 503 again, which the
    log, /ready and /snapshot explain, until it speaks.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = [
        f"--kubeconfig={kubeconfig(tmp_path, f'http://127.0.0.1:{port}')}",
        "--max-staleness=3",
        "--egress-listen=",
    ]
    with RecordingOrigin() as app:
        flags += ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{app.port}"]
        with ProxyProcess(tmp_path, None, *flags, wait=False) as proxy:
            closed = ask(proxy)
            assert (closed.status, closed.value(b"retry-after")) == (503, b"5")
            assert proxy.admin("/ready").status == 503
            with RecordingOrigin(listener=socket.create_server(("127.0.0.1", port))) as server:
                api = WatchedApi(server)
                api.allow("/one")
                server.serve(api.talk)
                eventually(lambda: ask(proxy).status == 200)
                eventually(lambda: ask(proxy).status == 503)
                assert b"policy" in proxy.admin("/ready").body
                assert b"nothing was heard of the API server for more than 3 s" in proxy.admin("/snapshot").body
                eventually(lambda: "nothing was heard" in str(proxy.of("snapshot")[-1]["closed"]))
                assert app.targets == [b"/one"] * len(app.targets)
                api.allow("/two")
                eventually(lambda: ask(proxy, b"/two").status == 200)
            proxy.check_log()
