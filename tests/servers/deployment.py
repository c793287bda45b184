"""The mesh on a control plane as `knative/` deploys it: kinds, rights, and the two functions as processes.

A Knative Service becomes a process with the command and the variables of its container, and with a token of its
ServiceAccount: no right but those of the manifests.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from aegis_api.resources import API_VERSION, KINDS
from servers.audit import AskedFor
from servers.control_plane import ControlPlane
from servers.processes import ServerProcess
from support.api_server import ApiServer
from support.kube_client import Answer, KubeClient, Object, path_of
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
SYSTEM = "aegis-system"
RBAC = "rbac.authorization.k8s.io/v1"
RULE = {"identities": ["*"], "methods": ["GET"], "paths": ["/"]}


def deployed(*kinds: str) -> list[Object]:
    """The documents of these kinds, in the order of `kubectl apply -f knative/`."""
    files = sorted((ROOT / "knative").glob("*.yaml"))
    return [doc for file in files for doc in yaml.safe_load_all(file.read_text()) if doc["kind"] in kinds]


def install(cluster: ApiServer) -> None:
    """Apply the CRDs, the namespace, the ServiceAccounts and their rights, and wait until these are in force."""
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        cluster.install_crd(yaml.safe_load(file.read_text()))
    for document in deployed("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
        metadata = document["metadata"]
        plural = f"{document['kind'].lower()}s"
        path = path_of(document["apiVersion"], plural, metadata["name"], metadata.get("namespace"))
        cluster.client.apply(path, document, force=True).ok()
    nothing = path_of(API_VERSION, "ingresspolicies", "nothing", SYSTEM)
    users = [cluster.client_of(SYSTEM, item["metadata"]["name"]) for item in deployed("ServiceAccount")]
    eventually(lambda: all(user.get(nothing).status == 404 for user in users))


def function_process(cluster: ApiServer, name: str, server: str | None = None, **variables: str) -> ServerProcess:
    """The Knative Service of that name as a process; `variables` are those that differ on this machine.

    `server` is a detour to the API server, for example the URL of a Gate.
    """
    (service,) = (item for item in deployed("Service") if item["metadata"]["name"] == name)
    spec = service["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    command = [sys.executable if part == "python" else part for part in container["command"]]
    environment = {item["name"]: item["value"] for item in container.get("env", [])}
    kubeconfig = cluster.service_account_kubeconfig(SYSTEM, spec["serviceAccountName"], server)
    return ServerProcess(command, cluster.log_of(name), environment | {"KUBECONFIG": str(kubeconfig)} | variables)


def asked(cluster: ControlPlane, account: str, position: int = 0) -> list[AskedFor]:
    """What a ServiceAccount of the mesh asked the API server from that position of the audit log on."""
    user = f"system:serviceaccount:{SYSTEM}:{account}"
    return [item for item in cluster.audit_log.since(position) if item.user == user]


@contextmanager
def no_right_missing(cluster: ControlPlane, *accounts: str) -> Iterator[None]:
    """In this block nothing that those ServiceAccounts ask is answered 403: their manifests give what they need.

    But for what says nothing of rights: an API server that starts, and a namespace that is being deleted, which takes
    nothing new from anybody.
    """
    position = cluster.audit_log.position()
    yield
    found = [item for account in accounts for item in asked(cluster, account, position)]
    refused = [item for item in found if item.status == 403 and not item.starting]
    missing = [item for item in refused if "being terminated" not in item.message]
    assert not missing, missing


class MeshNamespace:
    """What a user of the mesh does in a namespace."""

    def __init__(self, client: KubeClient, name: str) -> None:
        self.client, self.name = client, name

    def path(self, kind: str, name: str | None = None) -> str:
        """The URL path of an object of the mesh."""
        found = KINDS[kind]
        return path_of(API_VERSION, found.plural, name, self.name if found.namespaced else None)

    def write(self, kind: str, name: str, spec: dict[str, Any], **params: Any) -> Answer:
        """Applies an object of the mesh; the answer, whatever it is."""
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        return self.client.apply(self.path(kind, name), body, manager="user", **params)

    def put(self, kind: str, name: str, spec: dict[str, Any]) -> str:
        """Applies an object of the mesh; the path of it."""
        self.write(kind, name, spec).ok()
        return self.path(kind, name)

    def policy(self, name: str, *rules: Object, **spec: Any) -> str:
        """Applies an IngressPolicy; the path of it."""
        return self.put("IngressPolicy", name, {"rules": list(rules), **spec})

    def usual(self, account: str = "orders") -> None:
        """An IdentityProvider `local`, an Identity and a policy that lets every identity GET, both named alike."""
        self.put("IdentityProvider", "local", {"type": "kubernetes", "audience": "aegis"})
        self.put("Identity", account, {"provider": "local"})
        self.policy(account, RULE)

    def account(self, name: str) -> str:
        """Applies a ServiceAccount; the path of it."""
        path = path_of("v1", "serviceaccounts", name, self.name)
        self.client.apply(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}).ok()
        return path

    def create_pod(self, pod: Object, **params: Any) -> Answer:
        """Creates a pod; the answer, whatever it is."""
        return self.client.create(path_of("v1", "pods", namespace=self.name), pod, **params)

    def delete_pod(self, name: str) -> None:
        """Removes a pod at once: no kubelet runs here to end it."""
        self.client.delete(path_of("v1", "pods", name, self.name), gracePeriodSeconds=0).ok()

    def status(self, path: str) -> Any:
        """The status of the object at `path`, empty when there is none yet."""
        return self.client.get(path).ok().get("status", {})

    def condition(self, path: str, kind: str = "Ready") -> str | None:
        """The status of that condition: True, False, Unknown, or None when it is not there."""
        conditions = self.status(path).get("conditions", [])
        return next((item["status"] for item in conditions if item["type"] == kind), None)


class UserNamespace(MeshNamespace):
    """The same on a real control plane."""

    def __init__(self, cluster: ControlPlane, name: str) -> None:
        super().__init__(cluster.client, name)
        self.cluster = cluster
