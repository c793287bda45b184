"""A container's program on this machine."""

from pathlib import Path
from typing import Any

import yaml

from aegis_local.kubelet.commands import Facts, Surroundings, command_of, kubeconfig_file, kubeconfig_of, work_folder

ACCESS = "/var/run/secrets/kubernetes.io/serviceaccount"
POD: dict[str, Any] = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}, "spec": {}}
AROUND = Surroundings(
    facts=Facts("127.0.0.1", 6443, Path("/s/connect-to"), "/bin"),
    ports={8080: 20001, 3127: 20002},
    volumes={"api": "/s/api", "tmp": "/s/tmp"},
    folder=Path("/s/p"),
)


def container(name: str = "app", **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": ["python", "-m", "x"], **fields}


def test_command_and_environment_are_in_local_terms() -> None:
    """Ports and mounts are rewritten in both, and variables are expanded in the command."""
    given = container(
        args=["--listen=0.0.0.0:8080", "--dir=/tmp/x", "$(WHO)"],
        env=[{"name": "WHO", "value": "me"}, {"name": "URL", "value": "http://localhost:8080"}],
        volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
    )
    command = command_of(given, POD, {}, AROUND)
    assert command.argv == ("python", "-m", "x", "--listen=127.0.0.1:20001", "--dir=/s/tmp/x", "me")
    assert command.env["URL"] == "http://127.0.0.1:20001"
    assert command.env["TMPDIR"] == "/s/tmp"
    assert "me" not in repr(command)


def test_every_container_is_told_of_the_api_server() -> None:
    """As Kubernetes tells it, and of its own home."""
    env = command_of(container(), POD, {}, AROUND).env
    assert env["KUBERNETES_SERVICE_HOST"] == "127.0.0.1"
    assert env["KUBERNETES_SERVICE_PORT"] == "6443"
    assert env["HOSTNAME"] == "a"
    assert env["PATH"] == "/bin"
    assert env["HOME"] == str(work_folder(AROUND, container()))
    assert "KUBECONFIG" not in env


def test_an_app_is_told_where_to_listen() -> None:
    """PORT is the local port of its first container port; what the spec says beats it."""
    ports = [{"containerPort": 8080}]
    env = command_of(container(ports=ports), POD, {}, AROUND).env
    assert (env["HOST"], env["PORT"]) == ("127.0.0.1", "20001")
    assert "PORT" not in command_of(container(), POD, {}, AROUND).env
    own = container(ports=ports, env=[{"name": "PORT", "value": "9"}])
    assert command_of(own, POD, {}, AROUND).env["PORT"] == "9"


def test_a_kubeconfig_stands_for_mounted_credentials() -> None:
    """It names the files in the volume, so that a renewed token counts at once."""
    given = container(volumeMounts=[{"name": "api", "mountPath": ACCESS}])
    text = kubeconfig_of(given, POD, AROUND)
    assert text is not None
    config = yaml.safe_load(text)
    assert config["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:6443",
        "certificate-authority": "/s/api/ca.crt",
    }
    assert config["users"][0]["user"] == {"tokenFile": "/s/api/token"}
    assert config["contexts"][0]["context"]["namespace"] == "n"
    assert command_of(given, POD, {}, AROUND).env["KUBECONFIG"] == str(kubeconfig_file(AROUND, given))
    assert kubeconfig_of(container(), POD, AROUND) is None


def test_the_sidecar_is_told_of_services_and_of_its_credentials() -> None:
    """In its own variables; it is no app, so it is not told where to listen."""
    mounts = [{"name": "api", "mountPath": ACCESS}]
    given = container("aegis-proxy", ports=[{"containerPort": 3127}], volumeMounts=mounts)
    env = command_of(given, POD, {}, AROUND).env
    assert env["AEGIS_CONNECT_TO_FILE"] == "/s/connect-to"
    assert env["AEGIS_KUBECONFIG"] == env["KUBECONFIG"]
    assert "PORT" not in env
    assert "AEGIS_KUBECONFIG" not in command_of(container("aegis-proxy"), POD, {}, AROUND).env
