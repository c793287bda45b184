"""What the API-level tests need of an API server, be it real or embedded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from support.kube_client import KubeClient


class ApiServer(Protocol):
    """A running API server and its administrator."""

    @property
    def url(self) -> str:
        """Where it is, and where its OIDC discovery document is."""

    @property
    def issuer(self) -> str:
        """The `iss` of its ServiceAccount tokens."""

    @property
    def ca_file(self) -> Path:
        """Whom to trust."""

    @property
    def client(self) -> KubeClient:
        """The administrator."""

    @property
    def admin_kubeconfig(self) -> Path:
        """The administrator, for kubectl."""

    def token(self, namespace: str, service_account: str, audiences: Sequence[str] = (), seconds: int = 3600) -> str:
        """A token of that ServiceAccount."""

    def client_of(self, namespace: str, service_account: str) -> KubeClient:
        """A client that is that ServiceAccount."""

    def install_crd(self, crd: dict[str, Any]) -> None:
        """Apply a CustomResourceDefinition and wait until its resources are served."""

    def expire_resource_versions(self) -> None:
        """Make every resourceVersion seen so far too old to watch from."""
