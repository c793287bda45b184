"""What a pod's spec says."""

from typing import Any

import pytest

from aegis_local.kubelet import pods
from aegis_local.kubelet.pods import Unrunnable

Object = dict[str, Any]


def pod(*containers: Object, inits: tuple[Object, ...] = (), **spec: Any) -> Object:
    return {
        "metadata": {"name": "a", "namespace": "b", "uid": "u"},
        "spec": {"containers": list(containers), "initContainers": list(inits), **spec},
    }


def container(name: str = "app", **fields: Any) -> Object:
    return {"name": name, "image": "x", "command": ["run"], **fields}


def test_containers_come_in_the_order_of_their_start() -> None:
    """Init containers first; a native sidecar is one that is always restarted."""
    sidecar = container("proxy", restartPolicy="Always")
    found = pod(container("app"), inits=(container("init"), sidecar))
    assert [c["name"] for c in pods.containers(found)] == ["init", "proxy", "app"]
    assert pods.is_sidecar(sidecar)
    assert not pods.is_sidecar(container("init"))


def test_a_pod_with_redirection_does_not_run_here() -> None:
    """iptables need root: the text says what to do instead."""
    with pytest.raises(Unrunnable, match=r'aegis-init .* aegisproxy.io/redirect: "none"'):
        pods.check_runnable(pod(container(), inits=(container("aegis-init"),)))


def test_a_container_without_command_does_not_run_here() -> None:
    """An image's entry point is not known."""
    with pytest.raises(Unrunnable, match="the container app has no command"):
        pods.check_runnable(pod({"name": "app", "image": "x"}))


def test_a_pod_with_commands_runs_here() -> None:
    """Nothing else is asked of it."""
    pods.check_runnable(pod(container()))


def test_ports_of_a_pod_are_those_of_all_its_containers() -> None:
    """The sidecar's three ports count, declared or not."""
    app = container(ports=[{"containerPort": 8080, "name": "http"}, {"containerPort": 9000}])
    proxy = container("aegis-proxy", ports=[{"containerPort": 3127, "name": "aegis-ingress"}])
    declared = pods.declared_ports(pod(app, inits=(proxy,)))
    assert declared == {3127: "aegis-ingress", 3128: "", 3129: "", 8080: "http", 9000: ""}
    assert pods.declared_ports(pod(container())) == {}


@pytest.mark.parametrize(("port", "number"), [(8080, 8080), ("8080", 8080), ("http", 8080), ("grpc", None)])
def test_a_port_is_found_by_number_or_name(port: int | str, number: int | None) -> None:
    """A name that no container has leads nowhere."""
    found = pod(container(ports=[{"containerPort": 8080, "name": "http"}]))
    assert pods.port_number(found, port) == number


def test_a_program_is_command_and_args() -> None:
    """As in Kubernetes, args follow the command."""
    assert pods.program(container(args=["-a", "b"])) == ("run", "-a", "b")
    assert pods.program(container()) == ("run",)


def test_mounts_lead_to_the_folders_of_their_volumes() -> None:
    """A subPath is a part of the volume."""
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b", "subPath": "x/y"}]
    found = pods.mount_folders(container(volumeMounts=mounts), {"v": "/folder"})
    assert found == {"/a": "/folder", "/b": "/folder/x/y"}


def test_the_grace_of_a_deletion_beats_that_of_the_spec() -> None:
    """`kubectl delete --grace-period` counts."""
    found = pod(container(), terminationGracePeriodSeconds=7)
    assert pods.grace_seconds(found) == 7
    assert pods.grace_seconds(pod(container())) == 30
    found["metadata"]["deletionGracePeriodSeconds"] = 0
    assert pods.grace_seconds(found) == 0
