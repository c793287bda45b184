"""The flags of `aegis-proxy run` and their environment variables, read into `settings.Settings`.

The variable of `--ingress-listen` is `AEGIS_INGRESS_LISTEN`; a flag beats its variable. A bad value is refused with a
sentence that names the flag, what came and what was wanted.
"""

import argparse
import ipaddress
import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import frozen

from aegis_api.annotations import MOST_PROVIDERS
from aegis_api.hosts import normal_host
from aegis_api.names import is_label, is_subdomain
from aegis_api.reading import shown
from aegis_proxy.probes import read_probes
from aegis_proxy.settings import (
    SERVICE_ACCOUNT,
    HostPort,
    LogLevel,
    OwnAuthorization,
    Redirect,
    Settings,
    SettingsError,
    UpstreamProtocol,
)


@frozen
class _Flag:
    """`read` turns the text into the value of the Settings field, or raises ValueError with what was wanted."""

    name: str
    metavar: str
    help: str
    read: Callable[[str], Any]
    field: str = ""
    switch: bool = False

    @property
    def variable(self) -> str:
        return "AEGIS_" + self.name.upper().replace("-", "_")

    @property
    def target(self) -> str:
        return self.field or self.name.replace("-", "_")


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _name(text: str) -> str:
    if text and not is_subdomain(text):
        raise ValueError("the name of a Kubernetes object")
    return text


def _namespace(text: str) -> str:
    if not is_label(text):
        raise ValueError("the name of a namespace")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",")) if text else ()
    if not all(is_subdomain(name) for name in names) or len(set(names)) != len(names):
        raise ValueError("names of Kubernetes objects with commas between them, each once")
    return names


def _providers(text: str) -> tuple[str, ...]:
    names = _names(text)
    if len(names) > MOST_PROVIDERS:
        raise ValueError(f"at most {MOST_PROVIDERS} providers")
    return names


def _hosts(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",")) if text else ()
    hosts = tuple(normal_host(name, "x") if "." in name else None for name in names)
    if None in hosts:
        raise ValueError("host names of Services like orders.shop.svc with commas between them")
    return tuple(host for host in hosts if host)


_HOST_PORT = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")


def host_port(text: str, lowest: int = 1) -> HostPort:
    """Reads `HOST:PORT`, with an IPv6 address in brackets. Raises ValueError."""
    wanted = "HOST:PORT, an IPv6 address in brackets"
    found = _HOST_PORT.fullmatch(text)
    if not found or not lowest <= int(found["port"]) <= 65535:
        raise ValueError(wanted)
    if found["ipv6"]:
        try:
            return HostPort(str(ipaddress.IPv6Address(found["ipv6"])), int(found["port"]))
        except ValueError:
            raise ValueError(wanted) from None
    return HostPort(found["host"].lower(), int(found["port"]))


def _upstream(text: str) -> HostPort | None:
    return host_port(text) if text else None


def _listen(text: str) -> HostPort | None:
    return host_port(text, lowest=0) if text else None


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", text) or float(text) == 0:
        raise ValueError("a number of seconds above 0")
    return float(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) == 0:
        raise ValueError("a number from 1 to 9999999")
    return int(text)


def _rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("a number of bytes per second, 0 for any")
    return float(text)


def _ports(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"(?:[0-9]{1,5}(?:,[0-9]{1,5})*)?", text):
        raise ValueError("ports with commas between them")
    ports = tuple(int(part) for part in text.split(",")) if text else ()
    if not all(0 < port < 65536 for port in ports):
        raise ValueError("ports from 1 to 65535")
    return ports


def _switch(text: str) -> bool:
    if text not in ("true", "false", ""):
        raise ValueError("true or false")
    return text == "true"


def _endpoint(text: str) -> str:
    if text and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+(?:/[!-~]*)?", text):
        raise ValueError("the URL of an OpenTelemetry collector, like http://collector.tracing.svc:4318/v1/traces")
    return text


def _ratio(text: str) -> float:
    if not re.fullmatch(r"0(?:\.[0-9]{1,9})?|1(?:\.0{1,9})?", text):
        raise ValueError("a number from 0 to 1")
    return float(text)


def _one_of(choices: type[Enum]) -> Callable[[str], Enum]:
    def read(text: str) -> Enum:
        try:
            return choices(text)
        except ValueError:
            raise ValueError(" or ".join(choice.value for choice in choices)) from None

    return read


_FLAGS = (
    _Flag("resources", "PATH", "a YAML file or folder of the mesh's kinds, instead of Kubernetes", _path),
    _Flag("kubeconfig", "PATH", "how to reach the API server, when not inside the cluster", _path),
    _Flag("namespace", "NS", "namespace of this pod (default: of its ServiceAccount, else default)", _namespace),
    _Flag("pod", "NAME", "name of this pod, for the log", _name),
    _Flag("identity", "NAME", "the Identity that this pod assumes on the way out", _name),
    _Flag(
        "provider",
        "NAME[,NAME]",
        "whose tokens are accepted (default: the provider of the Identity)",
        _providers,
        field="providers",
    ),
    _Flag("policy", "NAME[,NAME]", "the IngressPolicies to enforce", _names, field="policies"),
    _Flag("ingress-hosts", "HOST[,HOST]", "accept tokens for these Service names only", _hosts),
    _Flag("ingress-listen", "HOST:PORT", "where callers connect (default 0.0.0.0:3127; empty: off)", _listen),
    _Flag("ingress-upstream", "HOST:PORT", "the app (default: 127.0.0.1, original destination's port)", _upstream),
    _Flag(
        "ingress-protocol",
        "PROTOCOL",
        "what HTTP/2 callers' requests go on by: auto (default: h2c if the app speaks it), http1 or h2c",
        _one_of(UpstreamProtocol),
    ),
    _Flag("egress-listen", "HOST:PORT", "where the app connects (default 127.0.0.1:3128; empty: off)", _listen),
    _Flag("admin-listen", "HOST:PORT", "health, readiness, metrics (default 0.0.0.0:3129; empty: off)", _listen),
    _Flag("redirect", "MODE", "how traffic gets here: none (default) or iptables", _one_of(Redirect)),
    _Flag("connect-to-file", "PATH", "lines 'HOST:PORT ADDRESS:PORT', where there is no cluster DNS", _path),
    _Flag("token-file", "PATH", "the pod's projected ServiceAccount token for its provider", _path),
    _Flag("secrets-dir", "PATH", "the provider's mounted Secrets (default /var/run/secrets/aegis/provider)", Path),
    _Flag("probes", "JSON", "the app's httpGet probes that the admin port answers", read_probes),
    _Flag("log-level", "LEVEL", "debug, info (default), warning or error", _one_of(LogLevel)),
    _Flag("access-log", "", "write one line per request", _switch, switch=True),
    _Flag("trace-endpoint", "URL", "where spans go, by OTLP over HTTP (default: none are made)", _endpoint),
    _Flag("trace-ratio", "RATIO", "how many of the traces that begin here are sampled, 0 to 1 (default 1)", _ratio),
    _Flag("max-staleness", "SECONDS", "refuse all when the API server was silent that long (default 3600)", _seconds),
    _Flag(
        "egress-connect-ports",
        "PORT[,PORT]",
        "where CONNECT may lead (default 443; empty: nowhere)",
        _ports,
    ),
    _Flag(
        "egress-authorization",
        "MODE",
        "the app's own Authorization to a host that gets a token: refuse (default), or keep it and attach none",
        _one_of(OwnAuthorization),
    ),
    _Flag(
        "egress-silence",
        "SECONDS",
        "how long a redirected client may say nothing before its destination is called (default 0.2)",
        _seconds,
    ),
    _Flag("stream-grace", "SECONDS", "how long what is open goes on once it would be refused (default 5)", _seconds),
    _Flag("tunnel-idle", "SECONDS", "how long a tunnel may be silent (default 3600)", _seconds),
    _Flag("max-connections", "NUMBER", "how many clients each listener holds at once (default 8192)", _count),
    _Flag(
        "min-body-rate",
        "BYTES",
        "fewest bytes per second of a request body that says its length (default 64; 0: any)",
        _rate,
    ),
    _Flag("drain-grace", "SECONDS", "how long open requests may go on at the end (default 20)", _seconds),
)
# An empty text means something of its own for these; for all others it means "not given".
_EMPTY_MEANS_OFF = {"ingress-listen", "egress-listen", "admin-listen", "egress-connect-ports"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `aegis-proxy run` to its parser."""
    for flag in _FLAGS:
        text = f"{flag.help} [{flag.variable}]"
        if flag.switch:
            parser.add_argument(f"--{flag.name}", dest=flag.target, nargs="?", const="true", help=text, metavar="BOOL")
        else:
            parser.add_argument(f"--{flag.name}", dest=flag.target, help=text, metavar=flag.metavar)


def read_settings(
    arguments: argparse.Namespace, environment: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT
) -> Settings:
    """The settings that `add_flags`' parser and the environment give together. Raises SettingsError.

    `service_account` is where Kubernetes mounts the pod's own namespace.
    """
    values: dict[str, Any] = {"namespace": _namespace_of(service_account)}
    for flag in _FLAGS:
        came, text = f"--{flag.name}", getattr(arguments, flag.target)
        if text is None:
            came, text = flag.variable, environment.get(flag.variable)
        if text is None or (not text and flag.name not in _EMPTY_MEANS_OFF):
            continue
        try:
            values[flag.target] = flag.read(text)
        except ValueError as error:
            raise SettingsError(f"{came}: got {shown(text)}, wanted {error}") from None
    settings = Settings(in_cluster=_in_cluster(environment), **values)
    if settings.resources is None and settings.kubeconfig is None and settings.in_cluster is None:
        raise SettingsError("no source of policy: give --resources PATH or --kubeconfig PATH, or run inside a cluster")
    if settings.ingress_upstream is not None and _is_ours(settings, settings.ingress_upstream):
        raise SettingsError(f"--ingress-upstream: got {settings.ingress_upstream}, which is the proxy itself")
    return settings


def _is_ours(settings: Settings, upstream: HostPort) -> bool:
    listening = (settings.ingress_listen, settings.egress_listen, settings.admin_listen)
    local = upstream.host in ("127.0.0.1", "::1", "localhost")
    return any(
        where is not None and where.port == upstream.port and (local or where.host == upstream.host)
        for where in listening
    )


def _namespace_of(service_account: Path) -> str:
    try:
        text = (service_account / "namespace").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return "default"
    return text if is_label(text) else "default"


def _in_cluster(environment: Mapping[str, str]) -> HostPort | None:
    """The API server as Kubernetes tells it to every container."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return None
    try:
        return host_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except ValueError as error:
        got = shown(f"{host}:{port}")
        raise SettingsError(f"KUBERNETES_SERVICE_HOST and _PORT: got {got}, wanted {error}") from None
