"""The injected proxy of a stored pod as a process: its arguments, variables, tokens and rights are those of the pod.

Only what needs a node differs: listeners take free ports of loopback, and files lie in a folder of the test.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from aegis_api.annotations import PROXY_CONTAINER
from aegis_webhook.pods import TOKENS_VOLUME
from servers.processes import ServerProcess
from support.api_server import ApiServer
from support.kube_client import Object
from support.raw_client import Answer, RawClient
from support.secret_search import search
from support.waiting import eventually

LISTENING_SECONDS = 30.0
_REFUSED = re.compile(r'aegis_requests_total\{direction="inbound",decision="deny",reason="(\w+)".*\} ([0-9]+)')
_ALLOWED = re.compile(
    r'aegis_requests_total\{direction="inbound",decision="allow",reason="",provider="(\w+)".*\} (\d+)'
)


class Sidecar:
    """`with Sidecar(...) as proxy:` runs it until the block ends; `ready()` says whether it has all it needs."""

    def __init__(
        self,
        cluster: ApiServer,
        pod: Object,
        folder: Path,
        app: int = 9,
        server: str | None = None,
        destinations: dict[str, int] = {},
        trusted: Path | None = None,
    ) -> None:
        """`app` is the app's port; `destinations` are ports on loopback by `HOST:PORT`, for want of a cluster's DNS.

        `trusted` is a file of certificates that stand for those of the image.
        """
        metadata, spec = pod["metadata"], pod["spec"]
        space, account = metadata["namespace"], spec["serviceAccountName"]
        (container,) = (item for item in spec["initContainers"] if item["name"] == PROXY_CONTAINER)
        fields = {"metadata.namespace": space, "metadata.name": metadata["name"]}
        variables = {item["name"]: _value(item, fields) for item in container["env"]}
        image = {"SSL_CERT_FILE": str(trusted)} if trusted else {}
        listeners = [name for name in ("ingress", "egress", "admin") if variables[f"AEGIS_{name.upper()}_LISTEN"]]
        (folder / "connect-to").write_text("".join(f"{at} 127.0.0.1:{to}\n" for at, to in destinations.items()))
        self.tokens = _project(cluster, pod, folder)
        flags = [
            *(f"--{name}-listen=127.0.0.1:0" for name in listeners),
            f"--ingress-upstream=127.0.0.1:{app}",
            f"--kubeconfig={cluster.service_account_kubeconfig(space, account, server)}",
            f"--connect-to-file={folder / 'connect-to'}",
            f"--token-file={folder / Path(variables.get('AEGIS_TOKEN_FILE', 'none')).name}",
        ]
        log = folder / f"{metadata['name']}.log"
        self.process = ServerProcess([*container["command"], *container["args"], *flags], log, variables | image)

    def __enter__(self) -> "Sidecar":
        self.process.start()
        self.process.wait_until(lambda: bool(self.events("listening")), LISTENING_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        search(f"the proxy {self.process.log.stem}", self.process.log.read_text(errors="replace"))

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the proxy logged under that name, oldest first."""
        lines = self.process.log.read_text().splitlines() if self.process.log.exists() else []
        return [event for event in (json.loads(line) for line in lines) if event["event"] == name]

    def port(self, listener: str) -> int:
        """Where it listens: `ingress`, `egress` or `admin`."""
        return int(self.events("listening")[0][listener].rpartition(":")[2])

    def ready(self) -> bool:
        """What the kubelet would ask."""
        return self._ask("admin", "/ready").status == 200

    def wait_until_ready(self) -> None:
        """Wait for that, with a deadline."""
        eventually(self.ready)

    def describe(self) -> Any:
        """What it enforces, by itself."""
        return json.loads(self._ask("admin", "/snapshot").body)

    def call(self, token: str = "", target: str = "/", method: str = "GET") -> Answer:
        """A request from outside to the app."""
        return self._ask("ingress", target, f"Authorization: Bearer {token}" if token else "", method=method)

    def may(self, token: str, target: str = "/", method: str = "GET") -> bool:
        """Whether such a request reaches the app."""
        return self.call(token, target, method).status == 200

    def refusals(self) -> Counter[str]:
        """How often requests from outside were refused, by reason."""
        return Counter({reason: int(count) for reason, count in _REFUSED.findall(self.metrics())})

    def vouched(self) -> Counter[str]:
        """How often requests from outside were let through, by the provider that vouched for their caller."""
        return Counter({name: int(count) for name, count in _ALLOWED.findall(self.metrics())})

    def metrics(self) -> str:
        """What Prometheus reads."""
        return self._ask("admin", "/metrics").body.decode()

    def send(self, url: str, host: str) -> Answer:
        """A request of the app to the world, by HTTP_PROXY."""
        return self._ask("egress", url, host=host)

    def _ask(self, listener: str, target: str, *fields: str, host: str = "app", method: str = "GET") -> Answer:
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *filter(None, fields), "", ""]
        with RawClient(self.port(listener)) as client:
            return client.send("\r\n".join(head).encode()).answer(method=method.encode())


def _value(item: Object, fields: dict[str, str]) -> str:
    """A variable as the kubelet sets it; one without a value is empty."""
    return fields[item["valueFrom"]["fieldRef"]["fieldPath"]] if "valueFrom" in item else item.get("value", "")


def _project(cluster: ApiServer, pod: Object, folder: Path) -> dict[str, str]:
    """Writes the tokens that the pod's volume asks for (TokenRequest), and gives them by audience."""
    found = {}
    for volume in pod["spec"].get("volumes", []):
        for source in volume["projected"]["sources"] if volume["name"] == TOKENS_VOLUME else []:
            wanted = source["serviceAccountToken"]
            token = cluster.token(
                pod["metadata"]["namespace"],
                pod["spec"]["serviceAccountName"],
                [wanted["audience"]],
                wanted["expirationSeconds"],
            )
            (folder / wanted["path"]).write_text(token)
            found[wanted["audience"]] = token
    return found
