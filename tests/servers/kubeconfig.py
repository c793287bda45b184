"""Kubeconfig files: one cluster, one user, one context."""

from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen

from servers.certificates import KeyPair, write_private


@frozen
class TokenUser:
    """A user that sends a bearer token."""

    token: str = field(repr=False)

    def entry(self) -> dict[str, str]:
        """The `user` part of a kubeconfig."""
        return {"token": self.token}


@frozen
class CertificateUser:
    """A user that shows a client certificate."""

    pair: KeyPair

    def entry(self) -> dict[str, str]:
        """The `user` part of a kubeconfig."""
        return {"client-certificate": str(self.pair.certificate), "client-key": str(self.pair.key)}


def render(server: str, ca_file: Path, user: TokenUser | CertificateUser, namespace: str = "default") -> dict[str, Any]:
    """A kubeconfig as kubectl and client-go read it."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
        "users": [{"name": "test", "user": user.entry()}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    }


def write(
    path: Path, server: str, ca_file: Path, user: TokenUser | CertificateUser, namespace: str = "default"
) -> Path:
    """Write that kubeconfig, readable by its owner only, and return its path."""
    write_private(path, yaml.safe_dump(render(server, ca_file, user, namespace)).encode())
    return path
