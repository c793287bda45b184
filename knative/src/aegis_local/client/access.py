"""Who asks which API server: the values behind a kubeconfig."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen

from aegis_local.client.errors import BadKubeconfig


@frozen
class Access:
    """An API server's base URL, the certificates (PEM) that prove it, and the credentials of the one who asks.

    `token` gives the bearer token of the moment; `certificate` is a client certificate and its key, both PEM.
    """

    server: str
    ca: bytes = field(repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)


def read_kubeconfig(path: Path) -> Access:
    """The access of the current context. Raises errors.BadKubeconfig, naming what is missing."""
    document = yaml.safe_load(path.read_text())
    context = _named(document, "contexts", _required(document, "current-context"))["context"]
    cluster = _named(document, "clusters", _required(context, "cluster"))["cluster"]
    user = _named(document, "users", _required(context, "user"))["user"]
    certificate = _data(user, "client-certificate", path)
    key = _data(user, "client-key", path)
    return Access(
        server=_required(cluster, "server").rstrip("/"),
        ca=_data(cluster, "certificate-authority", path) or b"",
        token=_token(user, path),
        certificate=(certificate, key) if certificate and key else None,
    )


def render_kubeconfig(
    server: str, ca_file: Path, user: Mapping[str, str], *, name: str = "aegis-local", namespace: str = "default"
) -> str:
    """A kubeconfig of one context; `user` is its user entry, for example {"tokenFile": "/path"}."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
            "users": [{"name": name, "user": dict(user)}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "current-context": name,
        },
        sort_keys=False,
    )


def _required(mapping: Any, key: str) -> str:
    value = mapping.get(key) if isinstance(mapping, dict) else None
    if not isinstance(value, str):
        raise BadKubeconfig(f"the kubeconfig has no {key}")
    return value


def _named(document: Any, section: str, name: str) -> Any:
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            return entry
    raise BadKubeconfig(f"the kubeconfig has no entry {name!r} among its {section}")


def _data(entry: Mapping[str, str], key: str, config: Path) -> bytes | None:
    inline, file = entry.get(f"{key}-data"), entry.get(key)
    if inline:
        return base64.b64decode(inline)
    return (config.parent / file).read_bytes() if file else None


def _token(user: Mapping[str, str], config: Path) -> Callable[[], str] | None:
    token, file = user.get("token"), user.get("tokenFile")
    if file:
        # The file is read for each request: whoever writes it renews the token.
        return lambda: (config.parent / file).read_text().strip()
    return (lambda: token) if token else None
