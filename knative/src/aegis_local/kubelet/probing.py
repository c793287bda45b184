"""Probes: one question to a container, in the terms of this machine."""

# mypy: allow-untyped-calls
# (Twisted's HTTP client carries no types.)

from collections.abc import Awaitable, Callable
from typing import Any

import treq
from attrs import frozen
from treq.client import HTTPClient
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from aegis_local.client.errors import NO_ANSWER
from aegis_local.client.resources import Object
from aegis_local.kubelet.pods import port_number
from aegis_local.process.groups import Exit
from aegis_local.reactors import Reactor
from aegis_local.tasks import OutOfTime, within


class ProbeFailed(Exception):  # says what happened
    """The answer was no, or none came. The text says which."""


@frozen
class HttpGet:
    scheme: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class TcpSocket:
    port: int


@frozen
class Command:
    argv: tuple[str, ...]


@frozen
class Probe:
    """What is asked and how often; times in seconds."""

    question: HttpGet | TcpSocket | Command
    initial_delay: float
    period: float
    timeout: float
    failures: int
    successes: int


def read_probe(pod: Object, container: Object, kind: str, ports: dict[int, int]) -> Probe | None:
    """The container's `startupProbe`, `readinessProbe` or `livenessProbe`, on local ports. Raises ValueError."""
    found = container.get(kind)
    if found is None:
        return None
    return Probe(
        question=_question(pod, container, kind, found, ports),
        initial_delay=float(found.get("initialDelaySeconds", 0)),
        period=float(found.get("periodSeconds", 10)),
        timeout=float(found.get("timeoutSeconds", 1)),
        failures=int(found.get("failureThreshold", 3)),
        successes=int(found.get("successThreshold", 1)),
    )


def _question(
    pod: Object, container: Object, kind: str, probe: Object, ports: dict[int, int]
) -> HttpGet | TcpSocket | Command:
    where = f"{kind} of container {container['name']}"
    if "exec" in probe:
        return Command(tuple(probe["exec"]["command"]))
    target = probe.get("httpGet") or probe.get("tcpSocket")
    if target is None:
        raise ValueError(f"{where}: httpGet, tcpSocket and exec are known here")
    number = port_number(pod, target["port"])
    if number is None or number not in ports:
        raise ValueError(f"{where}: port {target['port']} is not among the pod's container ports")
    if "tcpSocket" in probe:
        return TcpSocket(ports[number])
    headers = tuple((header["name"], header.get("value", "")) for header in target.get("httpHeaders") or ())
    return HttpGet(target.get("scheme", "HTTP").lower(), ports[number], target.get("path", "/"), headers)


@implementer(IPolicyForHTTPS)
class _AnyCertificate:
    """The kubelet does not verify certificates of probes: it asks whether something serves, not who."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # the name is Twisted's
        return _AnyClientTLS(hostname, port)


class _AnyClientTLS:
    def __init__(self, hostname: bytes, port: int) -> None:
        self._context = CertificateOptions(verify=False).getContext()

    def clientConnectionForTLS(self, protocol: Any) -> Any:  # as above
        from OpenSSL.SSL import Connection

        return Connection(self._context, None)


class Prober:
    """Asks questions. `run` runs a command as in the container's environment."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._http = HTTPClient(Agent(reactor, contextFactory=_AnyCertificate(), pool=pool))

    async def ask(self, probe: Probe, run: Callable[[tuple[str, ...]], Awaitable[Exit]]) -> None:
        """Ask once. Raises ProbeFailed."""
        try:
            await within(self._reactor, probe.timeout, self._ask(probe.question, run))
        except OutOfTime:
            raise ProbeFailed(f"no answer within {probe.timeout:g} s") from None

    async def _ask(
        self, question: HttpGet | TcpSocket | Command, run: Callable[[tuple[str, ...]], Awaitable[Exit]]
    ) -> None:
        match question:
            case Command():
                end = await run(question.argv)
                if end.code:
                    raise ProbeFailed(f"the command ended with {end}")
            case TcpSocket():
                await self._connect(question.port)
            case HttpGet():
                await self._get(question)

    async def _connect(self, port: int) -> None:
        endpoint = HostnameEndpoint(self._reactor, "127.0.0.1", port)
        try:
            protocol = await connectProtocol(endpoint, Protocol())
        except NO_ANSWER as error:
            raise ProbeFailed(f"no connection: {error}") from error
        protocol.transport.abortConnection()

    async def _get(self, question: HttpGet) -> None:
        headers: dict[bytes | str, bytes | str] = {"User-Agent": "kube-probe/local", **dict(question.headers)}
        url = f"{question.scheme}://127.0.0.1:{question.port}{question.path}"
        try:
            response = await self._http.get(url, headers=headers, allow_redirects=False, unbuffered=True)
            body = await treq.content(response)
        except NO_ANSWER as error:
            raise ProbeFailed(f"no answer: {error}") from error
        if not 200 <= response.code < 400:
            text = body.decode(errors="replace").strip()[:200]
            raise ProbeFailed(f"status {response.code}: {text}")
