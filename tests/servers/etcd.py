"""A single etcd on loopback, and the one call that the tests make to it by themselves: compaction."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from servers.processes import ServerProcess, free_port

READY_SECONDS = 30.0


class Etcd:
    """etcd without fsync: fast, and lost with the machine, which is fine for a test."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        self.process = ServerProcess(
            [
                program,
                "--name=test",
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=test={peer}",
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
            folder / "etcd.log",
        )

    def __enter__(self) -> "Etcd":
        self.process.start()
        self.process.wait_until(self._healthy, READY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def compact(self) -> int:
        """Forget all history up to now (gRPC gateway, `KV.Compact`) and return the revision that it ends at."""
        revision = int(self._call("/v3/maintenance/status", {})["header"]["revision"])
        self._call("/v3/kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            parsed: dict[str, Any] = json.load(answer)
            return parsed

    def _healthy(self) -> bool:
        try:
            self._call("/v3/maintenance/status", {})
        except OSError:
            return False
        return True
