"""The embedded Kubernetes API as a subprocess, for tests that talk to it over HTTPS only."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from attrs import field, frozen

_READY_SECONDS = 30


@frozen
class Embedded:
    """Where a running server is: `token` is its administrator's, `ca` the PEM file that its clients trust."""

    url: str
    ca: Path
    kubeconfig: Path
    token: str = field(repr=False)


@contextlib.contextmanager
def embedded_kubernetes(directory: Path) -> Iterator[Embedded]:
    """Run `python -m aegis_local.kube --faults` until the block ends; its log is `directory/log`."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "aegis_local.kube", "--directory", str(directory), "--faults"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    try:
        yield _described(_first_line(process, directory / "log"))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _first_line(process: subprocess.Popen[bytes], log: Path) -> Path:
    """The server says where its kubeconfig is as soon as it serves."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        deadline = time.monotonic() + _READY_SECONDS
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise AssertionError(f"the embedded API was not ready in {_READY_SECONDS} s: {log.read_text()}")
    line = process.stdout.readline().decode().strip()
    assert line, f"the embedded API did not start: {log.read_text()}"
    return Path(line)


def _described(kubeconfig: Path) -> Embedded:
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    return Embedded(cluster["server"], Path(cluster["certificate-authority"]), kubeconfig, user["token"])
