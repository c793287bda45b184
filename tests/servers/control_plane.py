"""A real Kubernetes control plane without a node: etcd, kube-apiserver and kube-controller-manager on loopback.

Enough for everything that the API alone decides: schemas, admission, RBAC, tokens, watches, ownership and garbage
collection.

Webhooks are reached with `clientConfig.url: https://127.0.0.1:PORT/...` and a certificate of `ControlPlane.ca`, since
without a node no Service has an address. OIDC discovery is at `ControlPlane.issuer`, for authenticated ServiceAccounts
(`system:service-account-issuer-discovery` is bound to `system:serviceaccounts` by default).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from servers import audit
from servers.build import Report, programs, say
from servers.certificates import CertificateAuthority, write_signing_key
from servers.etcd import Etcd
from servers.kubeconfig import CertificateUser
from servers.processes import ServerProcess, free_port
from support.api_server import ApiServer
from support.kube_client import KubeClient, path_of

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
READY_SECONDS = 60.0
SERVICE_CIDR = "10.96.0.0/16"
SERVER_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
)
SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")


class ControlPlane(ApiServer):
    """A running control plane. Made by `control_plane()`, which also ends it."""

    def __init__(self, folder: Path, etcd: Etcd, api_server_program: Path, issuer: str | None = None) -> None:
        self.ca = CertificateAuthority(folder)
        self.url = f"https://127.0.0.1:{free_port()}"
        self.ca_file = self.ca.certificate_file
        self.admin = self.ca.issue("aegis-test-admin", ["system:masters"])
        self.admin_kubeconfig = self.kubeconfig_of("admin", CertificateUser(self.admin))
        self.client = KubeClient.connect(self.url, self.ca_file, certificate=(self.admin.certificate, self.admin.key))
        self._folder = folder
        self._issuer = issuer
        self._etcd = etcd
        self.audit_log = audit.AuditLog(folder)
        write_signing_key(self.signing_key, folder / "service-accounts.pub")
        self._api_server = ServerProcess([api_server_program, *self._api_server_flags()], folder / "kube-apiserver.log")

    @property
    def port(self) -> int:
        """The port of the API server on loopback."""
        return int(self.url.rpartition(":")[2])

    @property
    def issuer(self) -> str:
        """The server itself, unless it was started with another issuer."""
        return self._issuer or self.url

    @property
    def signing_key(self) -> Path:
        """The private key of ServiceAccount tokens."""
        return self._folder / "service-accounts.key"

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready. Its address stays the same over restarts."""
        with self.audit_log.starting():
            self._api_server.start()
            self._api_server.wait_until(self._ready, READY_SECONDS)

    def stop_api_server(self) -> None:
        """Stop the API server; what it stored stays."""
        # Graceful shutdown waits for open watches, and the controller manager never closes its own.
        self._api_server.stop(seconds=1.0)

    def rotate_signing_key(self, *, overlap: bool = True) -> None:
        """Sign ServiceAccount tokens with a new key, after a restart; without `overlap`, tokens of former keys end."""
        public = self._folder / "service-accounts.pub"
        former = public.read_bytes() if overlap else b""
        self.stop_api_server()
        write_signing_key(self.signing_key, public)
        public.write_bytes(public.read_bytes() + former)
        self.start_api_server()

    def expire_resource_versions(self) -> None:
        """Make every resourceVersion seen so far too old: a watch from one of them gets 410 Expired.

        Compaction alone is not enough, since the API server also serves watches from its own cache, which a restart
        empties. So every open watch ends, too: this is what an upgrade of a control plane looks like to a client.
        """
        self.stop_api_server()
        self._etcd.compact()
        self.start_api_server()

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").status == 200
        except OSError:
            return False

    def _api_server_flags(self) -> list[str]:
        server = self.ca.issue("kube-apiserver", names=SERVER_NAMES, addresses=SERVER_ADDRESSES)
        return [
            f"--etcd-servers={self._etcd.url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            # The kubernetes Service would need an address that is not loopback, and nobody here dials it.
            "--endpoint-reconciler-type=none",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--tls-cert-file={server.certificate}",
            f"--tls-private-key-file={server.key}",
            f"--client-ca-file={self.ca_file}",
            f"--cert-dir={self._folder}",
            "--authorization-mode=Node,RBAC",
            "--anonymous-auth=false",
            "--allow-privileged=true",
            f"--service-account-issuer={self.issuer}",
            f"--service-account-jwks-uri={self.url}/openid/v1/jwks",
            f"--service-account-key-file={self._folder / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={self.signing_key}",
            f"--api-audiences={self.issuer}",
            *self.audit_log.flags(),
        ]


@contextmanager
def control_plane(report: Report = say, issuer: str | None = None) -> Iterator[ControlPlane]:
    """A control plane that is ready to use; its processes and files are gone when the block ends, however it ends.

    `issuer` is that of ServiceAccount tokens, where their discovery is published elsewhere (`servers.public_issuer`).

    Builds what is missing (`servers.build`), with `report` for its progress lines. Raises ServerError when a server
    does not come up.
    """
    built = programs(*PROGRAMS, report=report)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="aegis-control-plane-")))
        etcd = stack.enter_context(Etcd(built["etcd"], folder))
        cluster = ControlPlane(folder, etcd, built["kube-apiserver"], issuer)
        stack.callback(cluster.stop_api_server)
        cluster.start_api_server()
        manager = stack.enter_context(_controller_manager(cluster, folder, built["kube-controller-manager"]))
        manager.wait_until(lambda: _has_default_service_account(cluster.client), READY_SECONDS)
        yield cluster


def _controller_manager(cluster: ControlPlane, folder: Path, program: Path) -> ServerProcess:
    user = CertificateUser(cluster.ca.issue("system:kube-controller-manager"))
    return ServerProcess(
        [
            program,
            f"--kubeconfig={cluster.kubeconfig_of('kube-controller-manager', user)}",
            f"--service-account-private-key-file={cluster.signing_key}",
            f"--root-ca-file={cluster.ca_file}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        folder / "kube-controller-manager.log",
    )


def _has_default_service_account(client: KubeClient) -> bool:
    return client.get(path_of("v1", "serviceaccounts", "default", "default")).status == 200
