"""How to reach the API server: as every pod is told, or by a kubeconfig. Files are read afresh when credentials are."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

import yaml
from attrs import field, frozen

from aegis_api.reading import Fields, Node, ParseError
from aegis_idp.urls import check_base_url
from aegis_proxy.settings import SERVICE_ACCOUNT, HostPort, SettingsError

_LARGEST = 1 << 20

Read = Callable[[], bytes]


@frozen
class KubeConfig:
    """`token`, `authority`, `certificate` and `key` read (PEM, or the token's text) when called; they raise OSError.

    `server_name` is what the server's certificate is checked against, empty for the host of `url`.
    """

    url: str
    authority: Read | None = field(default=None, repr=False)
    token: Read | None = field(default=None, repr=False)
    certificate: Read | None = field(default=None, repr=False)
    key: Read | None = field(default=None, repr=False)
    server_name: str = ""


def in_cluster(address: HostPort, folder: Path = SERVICE_ACCOUNT) -> KubeConfig:
    """What Kubernetes mounts into pods (service account admission)."""
    return KubeConfig(f"https://{address}", _file(folder / "ca.crt"), _file(folder / "token"))


def read_kubeconfig(path: Path) -> KubeConfig:
    """Reads the current context. Raises SettingsError for what is missing, or would need a command to be run."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SettingsError(f"--kubeconfig: {path} cannot be read: {' '.join(str(error).split())}") from None
    try:
        return _current(Node(document).fields(), path.parent)
    except ParseError as error:
        raise SettingsError(f"--kubeconfig: {path}: {error}") from None


def _current(config: Fields, folder: Path) -> KubeConfig:
    context = _named(config, "contexts", "context", config.required("current-context").string())
    cluster = _named(config, "clusters", "cluster", context.required("cluster").string())
    named = context.optional("user")
    user = _named(config, "users", "user", named.string()) if named else Fields("", {})
    insecure = cluster.optional("insecure-skip-tls-verify")
    if insecure and insecure.boolean():
        raise insecure.refuse("certificate-authority-data: a server that nobody vouches for is not asked for policy")
    for name in ("exec", "auth-provider", "username"):
        if unsupported := user.optional(name):
            raise unsupported.refuse("a token, a tokenFile or a client certificate")
    server, server_name = cluster.required("server"), cluster.optional("tls-server-name")
    url = server.string().rstrip("/")
    try:
        check_base_url(url)
    except ValueError as error:
        raise server.refuse(str(error)) from None
    return KubeConfig(
        url=url,
        authority=_bytes(cluster, "certificate-authority", folder),
        token=_token(user, folder),
        certificate=_bytes(user, "client-certificate", folder),
        key=_bytes(user, "client-key", folder),
        server_name=server_name.string() if server_name else "",
    )


def _named(config: Fields, plural: str, singular: str, name: str) -> Fields:
    entries = config.optional(plural)
    for entry in entries.items() if entries else ():
        fields = entry.fields()
        if fields.required("name").string() == name:
            return fields.required(singular).fields()
    raise ParseError(plural, f"no entry {name}", f"the {singular} that is named elsewhere")


def _bytes(fields: Fields, name: str, folder: Path) -> Read | None:
    """A file, or base64 in the document itself (which comes first, as in kubectl)."""
    data, path = fields.optional(f"{name}-data"), fields.optional(name)
    if data:
        try:
            content = base64.b64decode(data.string(), validate=True)
        except binascii.Error:
            raise ParseError(data.path, "text that is not base64", "base64") from None
        return lambda: content
    return _file(folder / path.string()) if path else None


def _token(user: Fields, folder: Path) -> Read | None:
    path, text = user.optional("tokenFile"), user.optional("token")
    if path:
        return _file(folder / path.string())
    if text:
        token = text.string().encode("utf-8")
        return lambda: token
    return None


def _file(path: Path) -> Read:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(_LARGEST)

    return read
