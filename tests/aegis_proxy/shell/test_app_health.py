import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.probes import Probe
from aegis_proxy.shell.app_health import ask_app
from support.in_memory_http import PoolInMemory


def asked(pool: PoolInMemory, probe: Probe) -> list[int]:
    """The status, once there is one."""
    statuses: list[int] = []
    Deferred.fromCoroutine(ask_app(pool, probe, 5.0)).addCallback(statuses.append)
    return statuses


def test_the_app_is_asked_as_the_kubelet_would() -> None:
    """With the probe's own path and headers."""
    pool = PoolInMemory(Clock())
    asked(pool, Probe(8080, path="/healthz?x=1", headers=(("X-A", "1"), ("X-B", "é"))))
    assert pool.opened[0].address == ("127.0.0.1", 8080)
    assert pool.app().written == (
        b"GET /healthz?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-A: 1\r\nX-B: \xe9\r\nConnection: close\r\n\r\n"
    )


def test_a_probe_may_name_its_host() -> None:
    """Then there is no other."""
    pool = PoolInMemory(Clock())
    asked(pool, Probe(8080, headers=(("host", "a"),)))
    assert pool.app().written.lower().count(b"host:") == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
        (b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\npart", 503),
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 502),
    ],
)
def test_only_the_status_counts(answer: bytes, status: int) -> None:
    """The connection is not kept."""
    clock = Clock()
    pool = PoolInMemory(clock)
    statuses = asked(pool, Probe(8080))
    pool.opened[0].dataReceived(answer)
    assert statuses == [status]
    clock.advance(0)
    assert pool.app().ended == "aborted"
    assert clock.getDelayedCalls() == []


def test_an_app_that_is_gone_is_a_502() -> None:
    """Whether it never was there or goes away."""
    pool = PoolInMemory(Clock(), at_once=False)
    statuses = asked(pool, Probe(8080))
    pool.refuse(Refused(UPSTREAM_UNREACHABLE))
    assert statuses == [502]
    pool = PoolInMemory(Clock())
    statuses = asked(pool, Probe(8080))
    pool.app().end()
    assert statuses == [502]


def test_an_app_that_does_not_answer_is_a_504() -> None:
    """After the patience of the asker; a late answer is nobody's."""
    clock = Clock()
    pool = PoolInMemory(clock)
    statuses = asked(pool, Probe(8080))
    clock.advance(5.1)
    assert statuses == [504]
    assert pool.app().ended == "aborted"
