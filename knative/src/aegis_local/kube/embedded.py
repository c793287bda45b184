"""The embedded Kubernetes API as one thing to start and stop."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Site

from aegis_local.kube.admission import WebhookAdmission
from aegis_local.kube.certificates import make_authority
from aegis_local.kube.site import ApiResource, Watches
from aegis_local.kube.store import Event, Store
from aegis_local.kube.tls import over_tls
from aegis_local.kube.users import ADMIN
from aegis_local.kube.webhook_call import ServiceResolver, no_services
from aegis_local.kube.wiring import Kubernetes

_log = Logger()
_HOSTS = (
    "127.0.0.1",
    "localhost",
    "kubernetes",
    *(f"kubernetes.default{rest}" for rest in ("", ".svc", ".svc.cluster.local")),
)
_BOOKMARKS, _RETRY = 60.0, 1.0


class EmbeddedKubernetes:
    """A running API server on 127.0.0.1. `directory` holds what clients need: `kubeconfig` and `ca.crt`.

    `url` is where it is reached, `certificate` (PEM) what its clients trust.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        listening: IListeningPort,
        certificate: bytes,
        resolve: ServiceResolver,
        faults: bool,
    ) -> None:
        address = listening.getHost()
        assert isinstance(address, IPv4Address)
        self.url = f"https://127.0.0.1:{address.port}"
        self.certificate = certificate
        self.directory = directory
        self.admin_token = secrets.token_urlsafe(32)
        self._reactor = reactor
        self._listening: IListeningPort | None = listening
        self._store = Store()
        self._watches = Watches()
        self._events: list[Event] = []
        self._reacting = False
        self._kubernetes = Kubernetes(
            url=self.url,
            certificate=certificate.decode(),
            tokens={self.admin_token: ADMIN},
            clock=time.time,
            store=self._store,
            admission=WebhookAdmission(reactor, self._store, resolve),
            kind_gone=self._watches.end,
            fault=self._inject if faults else None,
        )

    @classmethod
    def start(
        cls,
        reactor: Any,
        directory: Path,
        *,
        port: int = 0,
        resolve_service: ServiceResolver = no_services,
        faults: bool = False,
    ) -> "Deferred[EmbeddedKubernetes]":
        """Listen on 127.0.0.1 and write `kubeconfig` (an administrator's) and `ca.crt` into `directory`.

        `resolve_service` says where a webhook's Service (namespace, name, port) is reached as (host, port).
        `faults` serves `POST /debug/faults` with `{"fault": NAME}`, for tests of clients.
        """
        return ensureDeferred(cls._start(reactor, directory, port, resolve_service, faults))

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @classmethod
    async def _start(
        cls, reactor: Any, directory: Path, port: int, resolve: ServiceResolver, faults: bool
    ) -> "EmbeddedKubernetes":
        authority = make_authority("aegis-local")
        site = Site(Resource())
        secured = over_tls(site, authority.issue("kubernetes", hosts=_HOSTS))
        listening: IListeningPort = reactor.listenTCP(port, secured, interface="127.0.0.1")
        server = cls(reactor, directory, listening, authority.pair.certificate, resolve, faults)
        await server._serve(site)
        return server

    async def _serve(self, site: Site) -> None:
        self._store.subscribe(self._on_event)
        await self._kubernetes.bootstrap()
        await self._react()
        api = self._kubernetes.api
        site.resource = ApiResource(api, self._store, self._watches, self._reactor, _BOOKMARKS)
        self._write_files()

    def _write_files(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        authority = self.directory.resolve() / "ca.crt"
        authority.write_bytes(self.certificate)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "aegis", "cluster": {"server": self.url, "certificate-authority": str(authority)}}],
            "users": [{"name": "admin", "user": {"token": self.admin_token}}],
            "contexts": [{"name": "aegis", "context": {"cluster": "aegis", "user": "admin"}}],
            "current-context": "aegis",
        }
        partial = self.kubeconfig.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            yaml.safe_dump(config, file)
        partial.replace(self.kubeconfig)  # who waits for the file finds it whole

    def _on_event(self, event: Event) -> None:
        if self._listening is None:
            return
        self._events.append(event)
        if not self._reacting:
            self._reacting = True
            self._reactor.callLater(0, lambda: ensureDeferred(self._react()))

    async def _react(self) -> None:
        self._reacting = True
        while self._events:
            event = self._events.pop(0)
            try:
                await self._kubernetes.controllers.react(event)
            except Exception:  # noqa: BLE001  # one object that a controller cannot handle must not stop the others
                _log.failure("a controller failed and tries again")
                self._reactor.callLater(_RETRY, self._on_event, event)
        self._reacting = False

    def compact(self) -> None:
        """Forget the history: a watch or list from an older revision now gets 410 Gone."""
        self._store.compact()

    def rotate_signing_key(self) -> None:
        """Sign ServiceAccount tokens with a new key; the old one stays published."""
        self._kubernetes.issuer.rotate()

    def _inject(self, name: str) -> bool:
        """Inject the fault `name`; False if there is none of that name."""
        faults: dict[str, Callable[[], object]] = {
            "compact": self.compact,
            "drop-watches": self._watches.drop,
            "expire-watches": self._watches.expire,
            "rotate-signing-key": self.rotate_signing_key,
            "retire-signing-keys": self._kubernetes.issuer.retire,
        }
        if name in faults:
            faults[name]()
        return name in faults

    async def stop(self) -> None:
        """End every watch and stop listening."""
        self._watches.end()
        listening, self._listening = self._listening, None
        if listening is not None and (waiting := listening.stopListening()) is not None:
            await waiting
