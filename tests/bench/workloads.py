"""What is measured, as data: who contends, under which load, and which bars were promised."""

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from bench.load import ClosedLoop, Load, LongBody
from bench.measure import Contender, Sample
from bench.mesh import Mesh
from bench.open_loop import OpenLoop
from bench.peers import Aegis, AegisOut, Envoy, HAProxy
from bench.summary import Rounds, latency_ratio, ratio, typical
from bench.unary import Unary

OURS = "Aegis"
CACHED = Envoy("Envoy, JWT cache", cached_tokens=1000)
LARGELY_CACHED = Envoy("Envoy, large JWT cache", cached_tokens=30_000)


class Figure(Protocol):
    """A figure of our own: what it is, and how it is had."""

    @property
    def text(self) -> str: ...
    @property
    def unit(self) -> str: ...
    def of(self, rounds: Rounds) -> float: ...


@frozen
class CpuBeside:
    """Our CPU per unit by that of `other`: the median of the ratios of the rounds."""

    other: str
    unit: str = "x"

    @property
    def text(self) -> str:
        return f"CPU beside {self.other}"

    def of(self, rounds: Rounds) -> float:
        return ratio(rounds, OURS, self.other)


@frozen
class LatencyBeside:
    """Our p99 by that of `other`: the median of the ratios of the rounds."""

    other: str
    unit: str = "x"

    @property
    def text(self) -> str:
        return f"p99 beside {self.other}"

    def of(self, rounds: Rounds) -> float:
        return latency_ratio(rounds, OURS, self.other)


@frozen
class Own:
    """A figure of our own samples: the median of the rounds."""

    text: str
    unit: str
    figure: Callable[[Sample], float]

    def of(self, rounds: Rounds) -> float:
        return typical(rounds, OURS, self.figure)


@frozen
class Bar:
    figure: Figure
    most: float


@frozen
class Workload:
    """`contenders` begin with our own; they take turns in each round."""

    name: str
    title: str
    load: Load
    contenders: tuple[Contender, ...]
    bars: tuple[Bar, ...] = ()


def _all(mesh: Mesh, *peers: Aegis | HAProxy | Envoy) -> tuple[Contender, ...]:
    return tuple(Contender(peer, mesh) for peer in (Aegis(), *peers))


IDLE = Own("RSS idle", "MiB", lambda sample: sample.idle)
LOADED = Own("RSS under load", "MiB", lambda sample: sample.loaded)
GROWN = Own("RSS growth", "MiB", lambda sample: sample.loaded - sample.idle)
START = Own("start to ready", "s", lambda sample: sample.start)
# Of a token that nobody has seen before, and of a long body.
_FRESH = (Bar(CpuBeside("Envoy"), 0.9), Bar(CpuBeside("HAProxy"), 2.0))
_LONG = (Bar(CpuBeside("HAProxy"), 1.7), Bar(GROWN, 8))

WORKLOADS = (
    Workload(
        "one-token",
        "authorised GET, 1 KiB, 32 connections, one RS256 token, 10 rules",
        ClosedLoop(),
        _all(Mesh(), HAProxy(), Envoy(), CACHED),
        (
            Bar(CpuBeside("HAProxy"), 0.7),
            Bar(CpuBeside("Envoy"), 0.27),
            Bar(CpuBeside(CACHED.name), 0.45),
            Bar(IDLE, 45),
            Bar(START, 0.6),
        ),
    ),
    Workload(
        "fresh-rs256",
        "the same with a token never seen before on every request, RS256",
        ClosedLoop(seconds=1, fresh_tokens=20_000),
        _all(Mesh(), HAProxy(), Envoy()),
        _FRESH,
    ),
    Workload(
        "fresh-es256",
        "the same with a token never seen before on every request, ES256",
        ClosedLoop(seconds=1, fresh_tokens=12_000),
        _all(Mesh(algorithm="ES256"), HAProxy(), Envoy()),
        _FRESH,
    ),
    Workload(
        "many-tokens",
        "the same with 20,000 tokens in turn, all of them seen before, RS256",
        ClosedLoop(tokens_in_turn=20_000),
        _all(Mesh(), HAProxy(), LARGELY_CACHED),
        (Bar(CpuBeside(LARGELY_CACHED.name), 0.5), Bar(LOADED, 90)),
    ),
    Workload(
        "fixed-rate",
        "authorised GET at 2,000 requests/s, whatever the answers do, 32 connections, one RS256 token, 10 rules",
        OpenLoop(),
        _all(Mesh(), HAProxy(), Envoy()),
        (Bar(LatencyBeside("Envoy"), 0.5),),
    ),
    Workload(
        "egress",
        "GET of an app through the way out, which attaches a token that it has, beside our own way in",
        ClosedLoop(),
        (Contender(AegisOut(), Mesh(outbound=True)), Contender(Aegis(), Mesh(), "Aegis, way in")),
        (Bar(CpuBeside("Aegis, way in"), 1.2),),
    ),
    Workload(
        "10000-rules",
        "the same with 10,000 rules, of which the one in the middle matches",
        ClosedLoop(),
        (
            Contender(Aegis(), Mesh(rules=10_000)),
            Contender(Aegis(), Mesh(), "Aegis, 10 rules"),
            Contender(HAProxy(), Mesh(rules=10_000)),
            Contender(Envoy(), Mesh(rules=10_000)),
        ),
        (Bar(CpuBeside("Aegis, 10 rules"), 1.1),),
    ),
    Workload(
        "1000-connections",
        "authorised GET, 1 KiB, 1,000 connections, one RS256 token, 10 rules",
        ClosedLoop(connections=1000, seconds=9),
        _all(Mesh(), HAProxy(), Envoy()),
        (Bar(LOADED, 60),),
    ),
    Workload(
        "grpc",
        "unary gRPC over HTTP/2 without TLS, 1 KiB answers, 4 connections of 8 streams, one RS256 token, 10 rules",
        Unary(),
        _all(Mesh(h2c=True), HAProxy(), Envoy(), CACHED),
        (Bar(CpuBeside("Envoy"), 2.0),),
    ),
    Workload("down", "1 GiB down, one connection", LongBody("down"), _all(Mesh(), HAProxy(), Envoy()), _LONG),
    Workload("up", "1 GiB up, one connection", LongBody("up"), _all(Mesh(), HAProxy(), Envoy()), _LONG),
)
