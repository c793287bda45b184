"""What this machine gives to the pods that run on it."""

from pathlib import Path

from attrs import frozen

from aegis_local.client.api import Api
from aegis_local.kubelet.commands import Facts
from aegis_local.kubelet.ports import Ports
from aegis_local.kubelet.probing import Prober
from aegis_local.process.groups import ProcessGroups
from aegis_local.reactors import Reactor


@frozen
class Host:
    """`state` is the folder of this run."""

    reactor: Reactor
    api: Api
    groups: ProcessGroups
    prober: Prober
    ports: Ports
    state: Path
    facts: Facts

    def log_file(self, namespace: str, pod: str, container: str) -> Path:
        """Where a container's output goes; it stays after the pod."""
        return self.state / "logs" / f"{namespace}_{pod}_{container}.log"

    def pod_folder(self, uid: str) -> Path:
        """A pod's volumes and working folders; it goes with the pod. Short, for servers put Unix sockets there."""
        return self.state / "pods" / uid[:8]
