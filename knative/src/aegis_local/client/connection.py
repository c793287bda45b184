"""HTTP to an API server: one request and its answer, or a stream of lines."""

# mypy: allow-untyped-calls
# (Twisted's TLS and HTTP client carry no types.)

import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import treq
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS, IResponse
from zope.interface import implementer

from aegis_local.client.access import Access
from aegis_local.client.errors import NO_ANSWER, ApiUnreachable, refusal
from aegis_local.reactors import Reactor
from aegis_local.tasks import OutOfTime, within

_ANSWER_SECONDS = 30.0
JSON = "application/json"


@implementer(IPolicyForHTTPS)
class _Trust:
    """TLS with the certificates of one Access and no others."""

    def __init__(self, access: Access) -> None:
        certificates = x509.load_pem_x509_certificates(access.ca)
        self._roots = trustRootFromCertificates([Certificate.loadPEM(_pem(found)) for found in certificates])
        self._own = PrivateCertificate.loadPEM(b"\n".join(access.certificate)) if access.certificate else None

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # the name is Twisted's
        return optionsForClientTLS(hostname.decode(), trustRoot=self._roots, clientCertificate=self._own)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


class Connection:
    """Requests with the credentials of `access`, on kept connections."""

    def __init__(self, reactor: Reactor, access: Access) -> None:
        self.access = access
        self._reactor = reactor
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 8
        self._http = HTTPClient(Agent(reactor, contextFactory=_Trust(access), pool=self._pool))

    async def call(
        self, method: str, path: str, *, params: Mapping[str, str] = {}, body: object = None, content_type: str = JSON
    ) -> Any:
        """The parsed body of a success. Raises ApiRefused or ApiUnreachable."""
        try:
            return await within(self._reactor, _ANSWER_SECONDS, self._call(method, path, params, body, content_type))
        except OutOfTime as error:
            raise ApiUnreachable(f"no answer to {method} {path} within {_ANSWER_SECONDS:.0f} s") from error

    async def _call(self, method: str, path: str, params: Mapping[str, str], body: object, content_type: str) -> Any:
        response = await self._send(method, path, params, body, content_type)
        content = await _read(response, path)
        if not 200 <= response.code < 300:
            raise refusal(response.code, content)
        return json.loads(content) if content else None

    async def lines(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """The lines of an answer as they come, until the server ends it. Raises as `call` does."""
        response = await self._send("GET", path, params, None, JSON)
        if response.code != 200:
            raise refusal(response.code, await _read(response, path))
        stream = _Lines()
        response.deliverBody(stream)
        try:
            while (line := await stream.next()) is not None:
                yield line
        finally:
            stream.abort()

    async def close(self) -> None:
        """Close the kept connections."""
        await self._pool.closeCachedConnections()

    async def _send(
        self, method: str, path: str, params: Mapping[str, str], body: object, content_type: str
    ) -> IResponse:
        headers: dict[bytes | str, bytes | str] = {"Accept": JSON, "User-Agent": "aegis-local"}
        if body is not None:
            headers["Content-Type"] = content_type
        if self.access.token:
            headers["Authorization"] = f"Bearer {self.access.token()}"
        data = json.dumps(body).encode() if body is not None else None
        url = self.access.server + path
        try:
            return await self._http.request(
                method, url, params=dict(params), headers=headers, data=data, unbuffered=True, allow_redirects=False
            )
        except NO_ANSWER as error:
            raise ApiUnreachable(f"{method} {path}: {_cause(error)}") from error


async def _read(response: IResponse, path: str) -> bytes:
    try:
        return await treq.content(response)
    except NO_ANSWER as error:
        raise ApiUnreachable(f"the answer to {path} broke off: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    reasons = getattr(error, "reasons", None)
    return re.sub(r"\s+", " ", str(reasons[0].value if reasons else error))


class _Lines(Protocol):
    """Cuts a body into lines and hands them out one by one."""

    def __init__(self) -> None:
        self._rest = b""
        self._ready: deque[bytes] = deque()
        self._ended = False
        self._waiting: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:  # the name is Twisted's
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._ready.extend(filter(None, lines))
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # as above
        self._ended = True
        self._wake()

    async def next(self) -> bytes | None:
        """The next line, None at the end. A line that was cut off is dropped."""
        while not self._ready and not self._ended:
            self._waiting = Deferred()
            await self._waiting
        return self._ready.popleft() if self._ready else None

    def abort(self) -> None:
        """End the answer, if it has not ended."""
        if not self._ended and self.transport is not None:
            self.transport.loseConnection()

    def _wake(self) -> None:
        if self._ready or self._ended:
            waiting, self._waiting = self._waiting, None
            if waiting is not None and not waiting.called:
                waiting.callback(None)
