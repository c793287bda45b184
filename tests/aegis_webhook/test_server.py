"""The function behind TLS, as an API server calls it."""

import json
import os
import runpy
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegis_webhook.__main__ import main
from aegis_webhook.certificates import main as make_certificates
from aegis_webhook.server import FollowedCertificate
from support.admission import kubeconfig, pod, review
from support.waiting import eventually


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a certificate for 127.0.0.1."""
    make_certificates([str(tmp_path / "pki"), "localhost", "127.0.0.1"])
    return tmp_path / "pki"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> Iterator[str]:
    """The running command, whose API server does not answer."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "aegis_webhook", "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ
        | {
            "KUBECONFIG": kubeconfig(tmp_path, "http://127.0.0.1:9"),
            "AEGIS_TLS_CERTIFICATE": str(folder / "tls.crt"),
            "AEGIS_TLS_KEY": str(folder / "tls.key"),
        },
    )
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def call(url: str, ca: Path, body: bytes | None = None) -> bytes:
    """One request on a new connection, trusting this authority alone."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(ca)), timeout=10) as answer:
        found: bytes = answer.read()
        return found


def _answers(url: str, ca: Path) -> bool:
    try:
        return call(url, ca) == b"ok\n"
    except OSError:
        return False


def test_w11_reviews_over_tls_and_a_renewed_certificate(url: str, folder: Path, tmp_path: Path) -> None:
    """The command answers reviews over TLS, and serves a renewed certificate to the next connection."""
    shutil.copy(folder / "ca.crt", tmp_path / "old.crt")
    eventually(lambda: _answers(f"{url}/healthz", folder / "ca.crt"))
    answer = json.loads(call(f"{url}/mutate", folder / "ca.crt", json.dumps(review(pod())).encode()))
    assert answer["response"]["allowed"]
    asking = json.dumps(review(pod({"egress": "true", "identity": "orders"}))).encode()
    refusal = json.loads(call(f"{url}/mutate", folder / "ca.crt", asking))["response"]
    assert refusal["status"]["code"] == 503
    make_certificates([str(folder), "localhost", "127.0.0.1"])
    assert _answers(f"{url}/healthz", folder / "ca.crt")
    assert not _answers(f"{url}/healthz", tmp_path / "old.crt")


def test_w11_a_damaged_pair_keeps_the_last_good_one(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While a pair is half written the old certificate stays; once whole, the new one is taken."""
    followed = FollowedCertificate(folder / "tls.crt", folder / "tls.key")
    first = followed.context()
    assert followed.context() is first
    (folder / "tls.crt").write_text("half")
    assert followed.context() is first
    (folder / "tls.key").unlink()
    assert followed.context() is first
    assert caplog.text.count("the last certificate stays") == 2
    make_certificates([str(folder), "localhost"])
    assert followed.context() is not first


class Recording:
    """Stands where functions-framework's server does, and keeps what it is told."""

    def __init__(self, app: object, **options: Any) -> None:
        self.options = options

    def run(self, host: str, port: int) -> None:
        self.options |= {"host": host, "port": port}


def test_the_server_is_told_to_follow_the_certificate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection asks for the TLS context anew."""
    servers: list[Recording] = []

    def create(app: object, **options: Any) -> Recording:
        servers.append(Recording(app, **options))
        return servers[-1]

    monkeypatch.setattr("aegis_webhook.server.create_server", create)
    arguments = ["--certificate", str(folder / "tls.crt"), "--key", str(folder / "tls.key"), "--port", "1"]
    assert main(arguments) == 0
    (server,) = servers
    assert server.options["port"] == 1
    assert isinstance(server.options["ssl_context"](None, None), ssl.SSLContext)


def test_the_package_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m aegis_webhook` is how it is called."""
    monkeypatch.setattr(sys, "argv", ["aegis_webhook", "--help"])
    monkeypatch.delitem(sys.modules, "aegis_webhook.__main__")
    with pytest.raises(SystemExit) as ending:
        runpy.run_module("aegis_webhook", run_name="__main__")
    assert ending.value.code == 0


def test_a_certificate_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one the command says what to give, and with a wrong one which files do not load."""
    with pytest.raises(SystemExit):
        main(["--port", "1"])
    assert "--certificate and --key are needed" in capsys.readouterr().err
    assert main(["--certificate", str(tmp_path / "a"), "--key", str(tmp_path / "b")]) == 2
    assert "do not load" in capsys.readouterr().err
