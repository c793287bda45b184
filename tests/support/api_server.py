"""What tests need of an API server, be it real or embedded: an administrator, tokens, and a way to forget the past."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.kube_client import KubeClient, path_of
from support.waiting import eventually


class ApiServer(ABC):
    """A running API server, as its administrator sees it."""

    url: str
    ca_file: Path
    client: KubeClient
    admin_kubeconfig: Path

    @abstractmethod
    def expire_resource_versions(self) -> None:
        """Make every resourceVersion seen so far too old: a watch from one of them gets 410 Expired."""

    @property
    def issuer(self) -> str:
        """The issuer of ServiceAccount tokens: the server itself, so that its discovery document can be fetched."""
        return self.url

    def token(self, namespace: str, service_account: str, audiences: Sequence[str] = (), seconds: int = 3600) -> str:
        """A token of that ServiceAccount (TokenRequest); without audiences it is meant for the API server."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds} | ({"audiences": list(audiences)} if audiences else {}),
        }
        path = path_of("v1", "serviceaccounts", service_account, namespace, "token")
        token: str = self.client.create(path, request).ok()["status"]["token"]
        return token

    def client_of(self, namespace: str, service_account: str) -> KubeClient:
        """A client that is that ServiceAccount."""
        return KubeClient.connect(self.url, self.ca_file, token=self.token(namespace, service_account))

    def install_crd(self, crd: dict[str, Any]) -> None:
        """Apply a CustomResourceDefinition and wait until discovery names its resources."""
        path = path_of("apiextensions.k8s.io/v1", "customresourcedefinitions", crd["metadata"]["name"])
        self.client.apply(path, crd, force=True).ok()
        eventually(lambda: _discovered(self.client, crd["spec"]))


def _discovered(client: KubeClient, crd: dict[str, Any]) -> bool:
    answers = [client.get(f"/apis/{crd['group']}/{v['name']}") for v in crd["versions"] if v["served"]]
    plural = crd["names"]["plural"]
    return all(a.status == 200 and plural in {r["name"] for r in a.body["resources"]} for a in answers)
