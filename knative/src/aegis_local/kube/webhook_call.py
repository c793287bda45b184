"""The HTTPS POST to a webhook: where it is, whose certificate it must show, how long it may take."""

import base64
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from aegis_local.kube.objects import Object

ServiceResolver = Callable[[str, str, int], tuple[str, int]]
"""From (namespace, name, port) of a Service to the (host, port) where it is reached. Raises LookupError."""


class CallFailedError(Exception):
    """The webhook could not be reached, was too slow, or did not answer with a success."""


def no_services(namespace: str, name: str, port: int) -> tuple[str, int]:
    """The resolver of a server that nobody told of any Service."""
    raise LookupError(f'service "{name}" not found')


_LIMIT = 3 * 1024 * 1024


@frozen
class Target:
    """Where a webhook is called: `server` is the name in SNI, Host and certificate; `address` where to connect."""

    url: str
    server: str
    address: tuple[str, int]
    trusted: bytes


def target_of(client: Object, timeout: int, resolve: ServiceResolver) -> Target:
    """Read a webhook's clientConfig. Raises CallFailedError."""
    trusted = base64.b64decode(client.get("caBundle") or "")
    if service := client.get("service"):
        server, port = f"{service['name']}.{service['namespace']}.svc", service.get("port") or 443
        path = "/" + (service.get("path") or "").lstrip("/")
        try:
            address = resolve(service["namespace"], service["name"], port)
        except LookupError as error:
            raise CallFailedError(str(error.args[0])) from error
        return Target(_timed(f"https://{server}:{port}{path}", timeout), server, address, trusted)
    parts = urlsplit(client["url"])
    host = parts.hostname or ""
    return Target(_timed(client["url"], timeout), host, (host, parts.port or 443), trusted)


def _timed(url: str, timeout: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}timeout={timeout}s"


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Connects to the target's address, whatever the URL says, with its name in TLS."""

    def __init__(self, reactor: Any, target: Target) -> None:
        self._reactor = reactor
        self._target = target

    def endpointForURI(self, uri: Any) -> Any:
        host, port = self._target.address
        trust = (
            trustRootFromCertificates(_certificates(self._target.trusted)) if self._target.trusted else platformTrust()
        )
        options = optionsForClientTLS(self._target.server, trustRoot=trust)
        return wrapClientTLS(options, HostnameEndpoint(self._reactor, host, port))


def _certificates(pem: bytes) -> list[Certificate]:
    blocks = [
        block + b"-----END CERTIFICATE-----\n" for block in pem.split(b"-----END CERTIFICATE-----") if b"BEGIN" in block
    ]
    return [Certificate.loadPEM(block) for block in blocks]


async def call(reactor: Any, target: Target, review: Object, seconds: int) -> bytes:
    """Post a review and return the body of the answer. Raises CallFailedError."""
    deferred: Deferred[bytes] = ensureDeferred(_post(reactor, target, review))
    deferred.addTimeout(seconds, reactor, onTimeoutCancel=_too_late)
    try:
        return await deferred
    except CallFailedError as error:
        raise CallFailedError(f'failed to call webhook: Post "{target.url}": {error}') from error


def _too_late(result: Any, timeout: float) -> Any:
    raise CallFailedError("context deadline exceeded")


async def _post(reactor: Any, target: Target, review: Object) -> bytes:
    try:
        agent = Agent.usingEndpointFactory(reactor, _Endpoints(reactor, target))
        headers = Headers(
            {
                "Content-Type": ["application/json"],
                "Accept": ["application/json, */*"],
                "User-Agent": ["kube-apiserver-admission"],
            }
        )
        body = _producer(json.dumps(review, separators=(",", ":")).encode())
        response = await agent.request(b"POST", target.url.encode(), headers, body)
        collector = _Collector()
        response.deliverBody(collector)
        answer = await collector.body
    except CancelledError:
        raise
    except ResponseFailed as error:
        raise CallFailedError("; ".join(reason.getErrorMessage() for reason in error.reasons)) from error
    except Exception as error:  # the border: whatever the network or TLS says is one thing to admission
        raise CallFailedError(str(error) or type(error).__name__) from error
    if not 200 <= response.code < 300:
        raise CallFailedError(
            f"an error on the server ({answer[:200].decode(errors='replace')!r}) has prevented the request from "
            f"succeeding: {response.code}"
        )
    return answer


class _Collector(Protocol):
    """Gathers a body up to a limit: an answer is small, and a webhook is not to fill our memory."""

    def __init__(self) -> None:
        self.body: Deferred[bytes] = Deferred()
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > _LIMIT and self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if len(self._data) > _LIMIT:
            self.body.errback(CallFailedError(f"the answer is longer than {_LIMIT} bytes"))
        elif reason.check(ResponseDone):
            self.body.callback(self._data)
        else:
            self.body.errback(reason)


def _producer(data: bytes) -> FileBodyProducer:
    return FileBodyProducer(BytesIO(data))
