"""One HTTP request on one connection of its own, to whom it may go, within a deadline.

Imports Twisted's and treq's HTTP clients: only what needs them imports this module, so that a proxy that asks nobody
starts without them.
"""

import socket
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from attrs import define, field, frozen
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from aegis_idp.errors import Unavailable
from aegis_proxy.core.egress import forbidden

_CONNECT_TIMEOUT = 10.0
# A peer that has vanished is noticed by the kernel after about half a minute.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}

Redirected = Callable[[str, int], "tuple[str, int] | None"]


class RefusedAddress(Exception):  # named by what happened
    """A name led to an address that no connection may go to."""


@frozen
class Tls:
    """`roots` vouch for the server (None: the system's), `client` is our own certificate, `name` the expected host."""

    roots: Any = None
    client: PrivateCertificate | None = field(default=None, repr=False)
    name: str = ""


@implementer(IStreamClientEndpoint)
@define(eq=False)
class _GuardedEndpoint:
    """Connects, and turns away from addresses that nobody may reach, whatever name led there."""

    endpoint: IStreamClientEndpoint
    connected: Callable[[Any], None]

    def connect(self, protocol_factory: IProtocolFactory) -> "Deferred[IProtocol]":
        return self.endpoint.connect(protocol_factory).addCallback(self._check)

    def _check(self, protocol: Any) -> Any:
        transport = protocol.transport
        peer = transport.getPeer()
        if why := forbidden((peer.host, peer.port), frozenset()):
            transport.abortConnection()
            raise RefusedAddress(why)
        transport.setTcpKeepAlive(1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):  # macOS lacks some
                transport.getHandle().setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.connected(transport)
        return protocol


@implementer(IAgentEndpointFactory)
class _Dialler:
    """The way to one server. `transport` is the connection once there is one."""

    def __init__(self, reactor: Any, tls: Tls, redirected: Redirected) -> None:
        self.transport: Any = None
        self._reactor = reactor
        self._tls = tls
        self._redirected = redirected

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        name = uri.host.decode("ascii")
        host, port = self._redirected(name.lower(), uri.port) or (name.strip("[]"), uri.port)
        inner = HostnameEndpoint(self._reactor, host, port, timeout=_CONNECT_TIMEOUT)
        guarded = _GuardedEndpoint(inner, self._connected)
        if uri.scheme == b"http":
            return guarded
        options = optionsForClientTLS(
            self._tls.name or name.strip("[]"), trustRoot=self._tls.roots, clientCertificate=self._tls.client
        )
        return wrapClientTLS(options, guarded)

    def _connected(self, transport: Any) -> None:
        self.transport = transport

    def abort(self) -> None:
        """Ends the connection without waiting for the peer, who may be gone."""
        if self.transport is not None:
            self.transport.abortConnection()


@implementer(IAgent)
@define(eq=False)
class _PlainAgent:
    """Asks for no content coding, so that a small answer cannot unfold into a large one."""

    # ruff: noqa: N803  # IAgent names its argument bodyProducer

    agent: IAgent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> "Deferred[IResponse]":
        plain = headers.copy() if headers is not None else Headers()
        plain.setRawHeaders(b"accept-encoding", [b"identity"])
        return self.agent.request(method, uri, plain, bodyProducer).addCallback(self._check)

    def _check(self, response: IResponse) -> IResponse:
        if response.headers.hasHeader(b"content-encoding"):
            raise Unavailable("the answer has a content coding that was not asked for")
        return response


class Answer:
    """The head of an answer, and its body, which is read once. Header names are lower case."""

    def __init__(self, response: Any, dialler: _Dialler) -> None:
        self.status: int = response.code
        self.headers: dict[str, str] = {
            name.decode("latin-1").lower(): b", ".join(values).decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        self._response = response
        self._dialler = dialler

    def stream(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        """Hands the body over as it comes; fires at its end, fails if it is cut short. Cancelling ends it."""
        finished: Deferred[None] = Deferred(lambda _: self._dialler.abort())
        self._response.deliverBody(_Body(receive, finished))
        return finished

    async def read(self, most: int) -> bytes:
        """The whole body. Raises Unavailable if it is longer than `most` bytes."""
        body = bytearray()

        def receive(data: bytes) -> None:
            body.extend(data)
            if len(body) > most:
                raise Unavailable(f"the answer is longer than {most} bytes")

        await self.stream(receive)
        return bytes(body)

    def abort(self) -> None:
        self._dialler.abort()


class _Body(Protocol):
    """What a receiver raises ends the connection and is what the reader gets."""

    def __init__(self, receive: Callable[[bytes], None], finished: "Deferred[None]") -> None:
        self._receive = receive
        self._finished = finished

    def dataReceived(self, data: bytes) -> None:
        if self._finished.called:
            return
        try:
            self._receive(data)
        except Exception as error:  # noqa: BLE001  # handed on to whoever reads
            self._finished.errback(error)
            if self.transport is not None:
                self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._finished.called:
            return
        # Without a length, the end of the connection is the end: what was cut off will not parse.
        if reason.check(ResponseDone, PotentialDataLoss):
            self._finished.callback(None)
        else:
            self._finished.errback(reason)


async def ask(
    reactor: Any,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    tls: Tls,
    redirected: Redirected,
) -> Answer:
    """Sends one request on a fresh connection and waits for the head of the answer. Follows no redirect."""
    dialler = _Dialler(reactor, tls, redirected)
    client = HTTPClient(_PlainAgent(Agent.usingEndpointFactory(reactor, dialler)))
    pending = client.request(
        method,
        url,
        headers=Headers({name: [value] for name, value in headers.items()}),
        data=BytesIO(body) if body else None,
        allow_redirects=False,
        unbuffered=True,
        reactor=reactor,
    )
    try:
        response = await pending
    except BaseException:
        dialler.abort()
        raise
    return Answer(response.original, dialler)
