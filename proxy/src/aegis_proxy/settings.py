"""The settings of `aegis-proxy run`, read once into a frozen value (by `flags`)."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from attrs import field, frozen

from aegis_proxy.probes import Probe

MOST_CONNECTIONS = 8192
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class SettingsError(Exception):
    """A flag or environment variable holds what cannot be used. Its text says which, what came and what was wanted."""


class Redirect(Enum):
    """How traffic reaches the proxy: by the pod's iptables rules, or because callers and the app are told its ports."""

    NONE = "none"
    IPTABLES = "iptables"


class UpstreamProtocol(Enum):
    """What the app speaks: found out, or said."""

    AUTO = "auto"
    HTTP1 = "http1"
    H2C = "h2c"


class OwnAuthorization(Enum):
    """What becomes of an app's own Authorization to a host that gets the mesh's token."""

    REFUSE = "refuse"
    KEEP = "keep"


class LogLevel(Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@frozen
class HostPort:
    """`host` is an IP address (IPv6 without brackets) or a host name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen
class Settings:
    """What `aegis-proxy run` was told. A listener that is None is switched off.

    `in_cluster` is the API server's address as every pod is told it; `policies`, `providers` and `ingress_hosts` keep
    their order.
    """

    namespace: str
    resources: Path | None = None
    kubeconfig: Path | None = None
    in_cluster: HostPort | None = None
    pod: str = ""
    identity: str = ""
    providers: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    ingress_hosts: tuple[str, ...] = ()
    ingress_listen: HostPort | None = HostPort("0.0.0.0", 3127)  # noqa: S104  # the pod's callers come from anywhere
    ingress_upstream: HostPort | None = None
    ingress_protocol: UpstreamProtocol = UpstreamProtocol.AUTO
    egress_listen: HostPort | None = HostPort("127.0.0.1", 3128)
    admin_listen: HostPort | None = HostPort("0.0.0.0", 3129)  # noqa: S104  # the kubelet and Prometheus come from outside
    redirect: Redirect = Redirect.NONE
    connect_to_file: Path | None = None
    token_file: Path | None = None
    secrets_dir: Path = Path("/var/run/secrets/aegis/provider")
    probes: Mapping[str, Probe] = field(factory=dict, hash=False)
    log_level: LogLevel = LogLevel.INFO
    access_log: bool = False
    max_staleness: float = 3600.0
    drain_grace: float = 20.0
    egress_connect_ports: tuple[int, ...] = (443,)
    egress_authorization: OwnAuthorization = OwnAuthorization.REFUSE
    egress_silence: float = 0.2
    stream_grace: float = 5.0
    tunnel_idle: float = 3600.0
    max_connections: int = MOST_CONNECTIONS
    min_body_rate: float = 64.0
    trace_endpoint: str = ""
    trace_ratio: float = 1.0
