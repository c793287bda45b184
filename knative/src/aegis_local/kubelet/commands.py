"""A container's program as it runs on this machine. Pure."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from aegis_api.annotations import PROXY_CONTAINER
from aegis_local.client.access import render_kubeconfig
from aegis_local.client.resources import Object
from aegis_local.kubelet.container import Command
from aegis_local.kubelet.environment import Data, expanded, variables_of
from aegis_local.kubelet.pods import API_ACCESS_PATH, mount_folders, program
from aegis_local.kubelet.rewriting import rewritten_argument, rewritten_variable


@frozen
class Facts:
    """What every pod on this machine is told: the API server's address, and the PATH of programs.

    `connect_to` is the file with the addresses of Services, for the proxies.
    """

    api_host: str
    api_port: int
    connect_to: Path
    path: str


@frozen
class Surroundings:
    """What every container of one pod shares. `volumes` maps a volume's name to its folder.

    `ports` maps the pod's ports to local ones; `folder` is the pod's own.
    """

    facts: Facts
    ports: Mapping[int, int]
    volumes: Mapping[str, str]
    folder: Path


def work_folder(around: Surroundings, container: Object) -> Path:
    return around.folder / "work" / str(container["name"])


def kubeconfig_file(around: Surroundings, container: Object) -> Path:
    return around.folder / f"kubeconfig-{container['name']}"


def kubeconfig_of(container: Object, pod: Object, around: Surroundings) -> str | None:
    """A kubeconfig that stands for the in-cluster access of a container, None if none is mounted.

    Clients look for in-cluster credentials under a fixed path, which cannot be mounted here.
    """
    access = mount_folders(container, around.volumes).get(API_ACCESS_PATH)
    if access is None:
        return None
    return render_kubeconfig(
        f"https://{around.facts.api_host}:{around.facts.api_port}",
        Path(access) / "ca.crt",
        {"tokenFile": f"{access}/token"},
        namespace=pod["metadata"]["namespace"],
    )


def command_of(container: Object, pod: Object, data: Data, around: Surroundings) -> Command:
    """What a container runs. Raises environment.Missing."""
    mounts = mount_folders(container, around.volumes)
    declared = variables_of(container, pod, data)
    argv = [expanded(part, declared) for part in program(container)]
    return Command(
        argv=tuple(rewritten_argument(part, around.ports, mounts) for part in argv),
        env=_given(container, pod, around)
        | {name: rewritten_variable(name, value, around.ports, mounts) for name, value in declared.items()},
    )


def _given(container: Object, pod: Object, around: Surroundings) -> dict[str, str]:
    """The variables that a container has without asking."""
    given = {
        "PATH": around.facts.path,
        "HOME": str(work_folder(around, container)),
        "TMPDIR": mount_folders(container, around.volumes).get("/tmp", str(work_folder(around, container))),  # noqa: S108
        "HOSTNAME": pod["metadata"]["name"],
        "LANG": "C.UTF-8",
        "KUBERNETES_SERVICE_HOST": around.facts.api_host,
        "KUBERNETES_SERVICE_PORT": str(around.facts.api_port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(around.facts.api_port),
    }
    if API_ACCESS_PATH in mount_folders(container, around.volumes):
        given["KUBECONFIG"] = str(kubeconfig_file(around, container))
    if container["name"] == PROXY_CONTAINER:
        given["AEGIS_CONNECT_TO_FILE"] = str(around.facts.connect_to)
        given |= {"AEGIS_KUBECONFIG": given["KUBECONFIG"]} if "KUBECONFIG" in given else {}
        return given
    if first := next((port["containerPort"] for port in container.get("ports") or ()), None):
        given["PORT"] = str(around.ports[first])
    # Servers that ask where to listen listen on loopback: here nothing else is the pod's own.
    return given | {"HOST": "127.0.0.1"}
