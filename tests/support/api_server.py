"""What tests need of an API server, be it real or embedded: an administrator, tokens, and a way to forget the past."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from servers import kubeconfig
from servers.kubeconfig import CertificateUser, TokenUser
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

    def service_account_kubeconfig(self, namespace: str, service_account: str, server: str | None = None) -> Path:
        """A kubeconfig of that ServiceAccount, with a fresh token."""
        user = TokenUser(self.token(namespace, service_account))
        return self.kubeconfig_of(f"{namespace}-{service_account}", user, namespace, server)

    def kubeconfig_of(
        self, name: str, user: TokenUser | CertificateUser, namespace: str = "default", server: str | None = None
    ) -> Path:
        """A kubeconfig of `user`, as a file of that name; `server` is a detour to this server, for example a Gate."""
        path = self.ca_file.with_name(f"{name}.kubeconfig")
        return kubeconfig.write(path, server or self.url, self.ca_file, user, namespace)

    def log_of(self, name: str) -> Path:
        """Where a further process of this run writes its log; the file is gone with the server."""
        return self.ca_file.with_name(f"{name}.log")

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
