"""The embedded API of `aegis_local` as a process of its own, like a real API server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from servers.processes import ServerProcess
from support.api_server import ApiServer
from support.kube_client import KubeClient

READY_SECONDS = 60.0


class EmbeddedApi(ApiServer):
    """A running embedded API. Made by `embedded_api()`, which also ends it."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "ca.crt"
        self.admin_kubeconfig = folder / "kubeconfig"
        config = yaml.safe_load(self.admin_kubeconfig.read_text())
        self.url = config["clusters"][0]["cluster"]["server"]
        self.client = KubeClient.connect(self.url, self.ca_file, token=config["users"][0]["user"]["token"])

    def expire_resource_versions(self) -> None:
        """Make every resourceVersion seen so far too old, and end every watch."""
        for fault in ("compact", "drop-watches"):
            self.client.create("/debug/faults", {"fault": fault}).ok()


@contextmanager
def embedded_api() -> Iterator[EmbeddedApi]:
    """An embedded API that is ready to use, until the block ends."""
    with TemporaryDirectory(prefix="aegis-embedded-") as name:
        folder = Path(name)
        command: list[str | Path] = [sys.executable, "-m", "aegis_local.kube", "--directory", folder, "--faults"]
        with ServerProcess(command, folder / "log") as process:
            process.wait_until((folder / "kubeconfig").exists, READY_SECONDS)
            server = EmbeddedApi(folder)
            process.wait_until(lambda: server.client.get("/readyz").status == 200, READY_SECONDS)
            yield server
