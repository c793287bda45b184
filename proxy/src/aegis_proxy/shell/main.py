"""The one room where everything is wired: settings in, a running proxy out."""

import errno
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.internet.tcp import Port
from twisted.logger import globalLogBeginner

from aegis_proxy.settings import HostPort, OwnAuthorization, Redirect, Settings, SettingsError, UpstreamProtocol
from aegis_proxy.shell.admin import Admin, Answer, Page, as_json, text
from aegis_proxy.shell.app_health import ask_app
from aegis_proxy.shell.control import Control
from aegis_proxy.shell.crowd import Crowd
from aegis_proxy.shell.descriptors import affordable, open_files, raise_limit
from aegis_proxy.shell.dumps import forbid_dumps
from aegis_proxy.shell.egress import EgressSide
from aegis_proxy.shell.ingress import IngressSide
from aegis_proxy.shell.listener import Listener
from aegis_proxy.shell.logs import Log, twisted_observer
from aegis_proxy.shell.metrics import Family, Metrics
from aegis_proxy.shell.own_listeners import OwnListeners
from aegis_proxy.shell.reactor import install
from aegis_proxy.shell.records import Records
from aegis_proxy.shell.redirected import original_destination
from aegis_proxy.shell.resolver import ConnectTo, Resolver
from aegis_proxy.shell.review import Review
from aegis_proxy.shell.server import Connected, Deadlines, Server
from aegis_proxy.shell.sniffing import RedirectedConnections
from aegis_proxy.shell.transport import listen
from aegis_proxy.shell.upstream import Address, UpstreamPool

if TYPE_CHECKING:
    from aegis_proxy.shell.tracing import Tracing

_APP_PATIENCE = 5.0
# Where redirected connections of IPv6 arrive, beside those of IPv4.
_IPV6 = {"0.0.0.0": "::", "127.0.0.1": "::1"}  # noqa: S104  # the same reach as the address beside it

_COUNTERS = {
    "token_fetches": "Tokens asked for at the provider, by outcome.",
    "key_fetches": "Key sets asked for, by outcome.",
    "key_refetches": "Key sets asked for because of an unknown key id.",
    "watch_requests": "Lists and watches of the API server, and their troubles.",
}
_GAUGES = {
    "snapshot_generation": "Number of the snapshot in force; it grows with each change.",
    "snapshot_age_seconds": "Time since the snapshot in force was made.",
    "source_silence_seconds": "Time since the source of policy was last heard of.",
    "source_unusable": "1 while the resources do not parse and the last good set is in force.",
    "key_set_age_seconds": "Time since the oldest key set in force was fetched.",
}


_CROWD: tuple[tuple[str, str, Callable[[Crowd], int]], ...] = (
    ("evicted", "Idle connections that were closed to make room.", lambda crowd: crowd.evicted),
    ("turned_away", "Connections that were closed at once, for there was no room.", lambda crowd: crowd.turned_away),
)


class Proxy:
    """A whole proxy on a reactor. `start` listens; `stop` drains."""

    def __init__(self, settings: Settings, reactor: Any, log: Log) -> None:
        self._settings = settings
        self._files = raise_limit()
        self._reactor = reactor
        self._log = log
        self._control = Control(settings, reactor, log)
        self._pool = UpstreamPool(reactor)
        self._metrics = Metrics()
        self._metrics.add_source(self._families)
        self._records = Records(log, self._metrics, access=settings.access_log)
        self._servers: list[Server] = []
        self._reviews: list[Review] = []
        self._ports: list[Port] = []
        self._own = OwnListeners()
        self._most = affordable(settings.max_connections, self._files)
        if self._most < settings.max_connections:
            log.warning("open files", limit=self._files, connections=self._most, wanted=settings.max_connections)
        self._tracing = _tracing(settings, log, reactor) if settings.trace_endpoint else None
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor

    def start(self) -> dict[str, str]:
        """Listens; gives the addresses by name. Raises SettingsError for one that is not to be had."""
        self._control.start()
        bound = {}
        if self._settings.ingress_listen:
            bound["ingress"] = self._serve(self._settings.ingress_listen, self._ingress(), "--ingress-listen")
        if self._settings.egress_listen:
            bound["egress"] = self._serve(self._settings.egress_listen, self._egress(), "--egress-listen")
        if self._settings.admin_listen:
            admin = Admin(self._reactor, self._pages())
            bound["admin"] = self._listen(self._settings.admin_listen, admin, admin.crowd, "--admin-listen")
        self._sweeping.start(1.0, now=False)
        return bound

    def _ingress(self) -> IngressSide:
        fixed = self._settings.ingress_upstream
        upstream = (fixed.host, fixed.port) if fixed else _app_of
        return IngressSide(self._control, self._records, time.time, upstream)

    def _egress(self) -> EgressSide:
        resolver = Resolver(self._reactor, time.monotonic, ConnectTo(self._settings.connect_to_file))
        ports = frozenset(self._settings.egress_connect_ports)
        keep_own = self._settings.egress_authorization is OwnAuthorization.KEEP
        return EgressSide(self._control, resolver, self._settings.namespace, self._own, _original, ports, keep_own)

    def _serve(self, where: HostPort, side: IngressSide | EgressSide, flag: str) -> str:
        settings = self._settings
        deadlines = Deadlines(tunnel=settings.tunnel_idle, body_rate=settings.min_body_rate)
        protocol = settings.ingress_protocol if isinstance(side, IngressSide) else UpstreamProtocol.AUTO
        traced = self._tracing.side(side) if self._tracing else side
        crowd = Crowd(self._most, partial(self._no_room, side.direction))
        server = Server(traced, self._pool, self._records, time.monotonic, deadlines, protocol, crowd)
        self._servers.append(server)
        review = Review(side, server, self._records, time.monotonic, settings.stream_grace)
        self._reviews.append(review)
        self._control.on_swap(lambda _: review.all())
        if isinstance(side, IngressSide):
            return self._listen(where, Listener(server), crowd, flag)
        return self._listen(where, RedirectedConnections(server, self._own, settings.egress_silence), crowd, flag)

    def _no_room(self, direction: str, crowd: Crowd) -> None:
        counts = {"evicted": crowd.evicted, "turned_away": crowd.turned_away}
        self._log.warning("no room", direction=direction, connections=crowd.sockets, limit=crowd.most, **counts)

    def _listen(self, where: HostPort, factory: Any, crowd: Crowd, flag: str) -> str:
        try:
            port = listen(self._reactor, where.host, where.port, factory, crowd)
        except CannotListenError as error:
            raise SettingsError(f"{flag}: cannot listen on {where}: {error.socketError}") from None
        self._ports.append(port)
        bound = HostPort(where.host, port.getHost().port)
        self._own.add(bound.port)
        if self._settings.redirect is Redirect.IPTABLES and bound.host in _IPV6:
            self._listen_beside(HostPort(_IPV6[bound.host], bound.port), factory, crowd, flag)
        return str(bound)

    def _listen_beside(self, where: HostPort, factory: Any, crowd: Crowd, flag: str) -> None:
        """The same for IPv6, whose redirected connections arrive nowhere else; a system without it has none."""
        try:
            self._ports.append(listen(self._reactor, where.host, where.port, factory, crowd, ipv6_only=True))
        except CannotListenError as error:
            if error.socketError.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise SettingsError(f"{flag}: cannot listen on {where}: {error.socketError}") from None

    def _pages(self) -> dict[str, Answer]:
        pages: dict[str, Answer] = {
            "/live": lambda: text(200, "alive\n"),
            "/ready": self._ready,
            "/metrics": lambda: Page(200, "text/plain; version=0.0.4; charset=utf-8", self._metrics.text()),
            "/snapshot": lambda: as_json(self._control.describe()),
        }
        for name, probe in self._settings.probes.items():

            async def ask(probe: Any = probe) -> Page:
                status = await ask_app(self._pool, probe, _APP_PATIENCE)
                return text(status, f"the app answered {status}\n")

            pages[f"/app-health/{name}"] = ask
        return pages

    def _families(self) -> Iterator[Family]:
        """What the control side counts, and the log."""
        counters = self._control.counters
        for name, meaning in _COUNTERS.items():
            samples = [
                ({"outcome": outcome}, count) for (counted, outcome), count in counters.items() if counted == name
            ]
            yield f"aegis_{name}_total", "counter", meaning, samples
        for name, value in self._control.gauges().items():
            yield f"aegis_{name}", "gauge", _GAUGES[name], [({}, value)]
        usable = [({"provider": name}, count) for name, count in self._control.usable_keys().items()]
        yield "aegis_provider_keys", "gauge", "Keys with which callers can be verified, by accepted provider.", usable
        yield "aegis_log_lines_dropped_total", "counter", "Lines that nobody read in time.", [({}, self._log.dropped)]
        yield "aegis_open_files", "gauge", "Open files and sockets.", [({}, open_files())]
        yield "aegis_open_files_limit", "gauge", "How many of them there may be.", [({}, self._files)]
        for name, meaning, counted in _CROWD:
            samples = [({"direction": server.side.direction}, counted(server.crowd)) for server in self._servers]
            yield f"aegis_connections_{name}_total", "counter", meaning, samples
        connections = [({"direction": server.side.direction}, len(server.connections)) for server in self._servers]
        yield "aegis_connections", "gauge", "Open client connections, and streams of HTTP/2 ones.", connections

    def _ready(self) -> Page:
        missing = self._control.missing()
        if missing or any(server.draining for server in self._servers):
            return text(503, "not ready: " + (", ".join(missing) or "draining") + "\n")
        return text(200, "ready\n")

    def _sweep(self) -> None:
        for server in self._servers:
            server.sweep()
        self._pool.sweep()
        for review in self._reviews:
            review.due()

    async def stop(self) -> None:
        """Accepts no more, lets open exchanges finish within the grace, and ends."""
        for server in self._servers:
            server.drain()
        for port in self._ports:
            if not isinstance(port.factory, Admin):
                await _as_deferred(port.stopListening())
        deadline = time.monotonic() + self._settings.drain_grace
        while any(server.connections for server in self._servers) and time.monotonic() < deadline:
            await _later(self._reactor, 0.05)
        for server in self._servers:
            for connection in list(server.connections):
                connection.cut()
        await _later(self._reactor, 0)  # aborted connections end in the next turn, and a mere exit would look whole
        self._sweeping.stop()
        self._pool.close()
        await self._control.stop()
        if self._tracing is not None:
            await self._tracing.stop()
        self._log.sum_up()
        self._log.info("stopped")
        self._log.flush()


def _tracing(settings: Settings, log: Log, reactor: Any) -> "Tracing":
    try:
        from aegis_proxy.shell.tracing import begin_tracing  # a large library that nobody else pays for
    except ImportError:
        raise SettingsError("--trace-endpoint: install aegis-proxy[tracing] first, or leave the flag away") from None
    return begin_tracing(settings, log, reactor.callFromThread)


def _app_of(connection: Connected) -> Address | None:
    """The app's side of a redirected connection: the port it was made to, on loopback. The kernel is asked once."""
    if connection.original is None:
        connection.original = original_destination(connection.transport)
    return ("127.0.0.1", connection.original[1]) if connection.original else None


def _original(connection: Connected) -> Address | None:
    return connection.original


def _later(reactor: Any, seconds: float) -> "Deferred[None]":
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


async def _as_deferred(result: Any) -> None:
    if isinstance(result, Deferred):
        await result


def run(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT; gives the exit code."""
    forbid_dumps()
    gc.disable()  # what is made at the start stays, so looking for garbage in it is in vain: a fifth of a large policy
    reactor = install()
    log = Log(sys.stdout.fileno(), settings.log_level, reactor, time.time)
    globalLogBeginner.beginLoggingTo(
        [twisted_observer(log)],  # type: ignore[list-item]  # a plain callable is an observer, which zope cannot see
        redirectStandardIO=False,
        discardBuffer=True,
    )
    proxy = Proxy(settings, reactor, log)
    bound = proxy.start()
    log.info("listening", namespace=settings.namespace, pod=settings.pod, **bound)
    stopping: list[Deferred[None]] = []

    def stop(*_: object) -> None:
        if not stopping:
            stopping.append(Deferred.fromCoroutine(proxy.stop()).addBoth(lambda _: reactor.stop()))

    gc.freeze()  # nor need the collector look at it later
    gc.set_threshold(20_000, 50, 50)
    gc.enable()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: reactor.callFromThread(stop))
    reactor.run(installSignalHandlers=False)
    return 0
