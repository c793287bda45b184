"""The embedded Kubernetes API as one thing to start and stop."""

import os
import secrets
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from OpenSSL import crypto
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Site

from aegis_local.kube.admission import WebhookAdmission
from aegis_local.kube.api import Api
from aegis_local.kube.authentication import Authenticator
from aegis_local.kube.certificates import KeyPair, make_authority
from aegis_local.kube.controllers import Controllers
from aegis_local.kube.deleting import Deleter
from aegis_local.kube.handlers import Handlers
from aegis_local.kube.kinds import Registry
from aegis_local.kube.objects import split_group_version
from aegis_local.kube.reviews import Reviews
from aegis_local.kube.site import ApiResource, Watches
from aegis_local.kube.store import Event, Store
from aegis_local.kube.tokens import TokenIssuer
from aegis_local.kube.users import ADMIN, controller
from aegis_local.kube.webhook_call import ServiceResolver, no_services
from aegis_local.kube.writing import Write, Writer

_log = Logger()
_HOSTS = (
    "127.0.0.1",
    "localhost",
    "kubernetes",
    *(f"kubernetes.default{rest}" for rest in ("", ".svc", ".svc.cluster.local")),
)
_BOOKMARKS = 60.0


class EmbeddedKubernetes:
    """A running API server on 127.0.0.1. `directory` holds what clients need: `kubeconfig` and `ca.crt`."""

    def __init__(self, reactor: Any, directory: Path, resolve_service: ServiceResolver) -> None:
        self.directory = directory
        self.url = ""
        self.admin_token = secrets.token_urlsafe(32)
        self.store = Store()
        self.registry = Registry()
        self.watches = Watches()
        self._reactor = reactor
        self._authority = make_authority("aegis-local")
        self._admission = WebhookAdmission(reactor, self.store, resolve_service)
        self._writer = Writer(self.store, self._admission, time.time)
        self._deleter = Deleter(self.store, self._admission, time.time)
        self._controllers = Controllers(
            self.store,
            self.registry,
            self._writer,
            self._deleter,
            self.certificate.decode(),
            lambda _: self.watches.end(),
        )
        self._events: list[Event] = []
        self._reacting = False
        self._port: IListeningPort | None = None

    @classmethod
    def start(
        cls,
        reactor: Any,
        directory: Path,
        *,
        port: int = 0,
        resolve_service: ServiceResolver | None = None,
        faults: bool = False,
    ) -> "Deferred[EmbeddedKubernetes]":
        """Listen on 127.0.0.1 and write `kubeconfig` (an administrator's) and `ca.crt` into `directory`.

        `resolve_service` says where a webhook's Service (namespace, name, port) is reached as (host, port).
        `faults` serves `POST /debug/faults`, for tests of clients.
        """
        server = cls(reactor, directory, resolve_service or no_services)
        return ensureDeferred(server._start(port, faults))

    @property
    def certificate(self) -> bytes:
        """The CA that clients trust, PEM."""
        return self._authority.pair.certificate

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    async def _start(self, port: int, faults: bool) -> "EmbeddedKubernetes":
        site = Site(Resource())
        site.displayTracebacks = False
        context = _context(self._authority.issue("kubernetes", hosts=_HOSTS))
        listening: IListeningPort = self._reactor.listenSSL(port, site, context, interface="127.0.0.1")
        self._port = listening
        self.url = f"https://127.0.0.1:{_port(listening)}"
        self.issuer = TokenIssuer(self.url)
        authenticator = Authenticator(self.store, self.issuer, {self.admin_token: ADMIN}, time.time)
        api = Api(
            self.store,
            self.registry,
            Handlers(self.store, self._writer, self._deleter, time.time),
            Reviews(self.store, self.issuer, authenticator, time.time),
            authenticator,
            self.issuer,
            time.time,
            self._fault if faults else None,
        )
        self.store.subscribe(self._on_event)
        await self._bootstrap()
        site.resource = ApiResource(api, self.store, self.watches, self._reactor, _BOOKMARKS)
        self._write_files()
        return self

    async def _bootstrap(self) -> None:
        text = files("aegis_local.kube").joinpath("data/bootstrap.yaml").read_text()
        for obj in yaml.safe_load(text):
            group = split_group_version(obj["apiVersion"])[0]
            kind = next(kind for kind in self.registry.all() if (kind.group, kind.kind) == (group, obj["kind"]))
            await self._writer.create(Write(kind, "", "", controller("bootstrap"), "kube-apiserver"), obj)
        await self._react()

    def _write_files(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "ca.crt").write_bytes(self.certificate)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "aegis",
                    "cluster": {
                        "server": self.url,
                        "certificate-authority": str((self.directory / "ca.crt").resolve()),
                    },
                }
            ],
            "users": [{"name": "admin", "user": {"token": self.admin_token}}],
            "contexts": [{"name": "aegis", "context": {"cluster": "aegis", "user": "admin"}}],
            "current-context": "aegis",
        }
        descriptor = os.open(self.kubeconfig, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            yaml.safe_dump(config, file)

    def _on_event(self, event: Event) -> None:
        self._events.append(event)
        if not self._reacting:
            self._reacting = True
            self._reactor.callLater(0, lambda: ensureDeferred(self._react()))

    async def _react(self) -> None:
        self._reacting = True
        while self._events:
            try:
                await self._controllers.react(self._events.pop(0))
            except Exception:  # noqa: BLE001  # one object that a controller cannot handle must not stop the others
                _log.failure("a controller failed")
        self._reacting = False

    def compact(self) -> None:
        """Forget the history: a watch or list from an older revision now gets 410 Gone."""
        self.store.compact()

    def rotate_signing_key(self) -> None:
        """Sign ServiceAccount tokens with a new key; the old one stays published."""
        self.issuer.rotate()

    def _fault(self, name: str) -> bool:
        """Inject the fault `name`; False if there is none of that name."""
        faults: dict[str, Callable[[], object]] = {
            "compact": self.compact,
            "drop-watches": self.watches.drop,
            "expire-watches": self.watches.expire,
            "rotate-signing-key": self.rotate_signing_key,
            "retire-signing-keys": self.issuer.retire,
        }
        if name in faults:
            faults[name]()
        return name in faults

    async def stop(self) -> None:
        """End every watch and stop listening."""
        self.watches.end()
        if self._port is not None:
            await _stopped(self._port)
            self._port = None


def _port(listening: IListeningPort) -> int:
    address = listening.getHost()
    assert isinstance(address, IPv4Address)
    return address.port


async def _stopped(listening: IListeningPort) -> None:
    waiting = listening.stopListening()
    if waiting is not None:
        await waiting


def _context(pair: KeyPair) -> CertificateOptions:
    key = crypto.load_privatekey(crypto.FILETYPE_PEM, pair.key)
    certificate = crypto.load_certificate(crypto.FILETYPE_PEM, pair.certificate)
    return CertificateOptions(privateKey=key, certificate=certificate)
