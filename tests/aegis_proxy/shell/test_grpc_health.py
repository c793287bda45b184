import json
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from aegis_proxy.probes import Probe, Scheme
from aegis_proxy.shell.app_health import ask_app
from support import h2_wire as wire
from support.grpc_app import GrpcApp
from support.h2_in_memory import App, Pairs
from support.in_memory_http import PoolInMemory
from support.proxy_process import ProxyProcess, provider
from support.waiting import eventually

OK: Pairs = [(b":status", b"200"), (b"content-type", b"application/grpc")]
GOOD = [(b"grpc-status", b"0")]
SERVING = b"\0\0\0\0\2\x08\x01"


class Asked:
    """A probe that is under way, and the app that it asks."""

    def __init__(self, service: str = "") -> None:
        self.clock = Clock()
        self.pool = PoolInMemory(self.clock)
        self.statuses: list[int] = []
        probe = Probe(8080, Scheme.GRPC, service=service)
        Deferred.fromCoroutine(ask_app(self.pool, probe, 5.0)).addCallback(self.statuses.append)

    def app(self) -> App:
        return App(self.pool.app())

    def over(self) -> None:
        """The connection is not kept, and no timer is left."""
        self.clock.advance(0)
        assert self.pool.app().ended in ("aborted", "closed")
        assert self.clock.getDelayedCalls() == []


def test_the_app_is_asked_as_the_kubelet_would() -> None:
    """By grpc.health.v1.Health/Check, with the probe's service."""
    asked = Asked("shop.Orders")
    app = asked.app()
    came = app.message(1)
    assert dict(came.head)[b":path"] == b"/grpc.health.v1.Health/Check"
    assert dict(came.head)[b"content-type"] == b"application/grpc"
    assert (came.body, came.ended) == (b"\0\0\0\0\x0d\x0a\x0bshop.Orders", True)
    app.h2.send_headers(1, [(b":status", b"103")])
    app.answer(1, OK, SERVING, GOOD)
    assert asked.statuses == [200]
    asked.over()


@pytest.mark.parametrize(
    ("fields", "body", "trailers"),
    [
        (OK, b"\0\0\0\0\2\x08\x02", GOOD),
        (OK, SERVING, [(b"grpc-status", b"5")]),
        (OK, SERVING, [(b"x", b"y")]),
        (OK, SERVING, []),
        (OK, b"x" * 1025, GOOD),
        ([*OK, (b"grpc-status", b"12")], b"", []),
        ([(b":status", b"404")], SERVING, GOOD),
    ],
    ids=["not-serving", "unknown-service", "no-status", "no-trailers", "too-long", "unimplemented", "not-found"],
)
def test_any_other_answer_is_a_503(fields: Pairs, body: bytes, trailers: Pairs) -> None:
    """The app is there, and does not say that it serves."""
    asked = Asked()
    asked.app().answer(1, fields, body, trailers)
    assert asked.statuses == [503]
    asked.over()


@pytest.mark.parametrize("how", ["http1", "closes", "reset", "no-room"])
def test_no_answer_is_a_502(how: str) -> None:
    """Of one that speaks no HTTP/2, goes away, resets the call or allows none."""
    asked = Asked()
    if how == "http1":
        asked.pool.app().protocol.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    elif how == "closes":
        asked.pool.app().end()
    elif how == "reset":
        asked.pool.app().protocol.dataReceived(wire.SETTINGS + wire.rst(1))
    else:
        asked.pool.app().protocol.dataReceived(wire.settings((3, 0)))
    assert asked.statuses == [502]
    asked.over()


def test_a_late_answer_is_a_504() -> None:
    """And nobody's."""
    asked = Asked()
    app = asked.app()
    asked.clock.advance(5.1)
    assert asked.statuses == [504]
    app.answer(1, OK, SERVING, GOOD)
    assert asked.statuses == [504]


def test_a_real_app_is_asked_through_the_admin_port(tmp_path: Path) -> None:
    """One that serves, one that does not, and a service that it does not know."""
    with GrpcApp() as app:
        probes = {
            "app/readiness": {"port": app.port, "scheme": "GRPC"},
            "app/liveness": {"port": app.port, "scheme": "GRPC", "service": "shop.Orders"},
            "app/startup": {"port": app.port, "scheme": "GRPC", "service": "shop.Nothing"},
        }
        flags = ("--probes", json.dumps(probes))
        with ProxyProcess(tmp_path, [provider()], *flags, wait=False) as proxy:
            assert proxy.admin("/app-health/app/readiness").status == 200
            assert proxy.admin("/app-health/app/liveness").status == 200
            assert proxy.admin("/app-health/app/startup").status == 503
            app.serving = False
            eventually(lambda: proxy.admin("/app-health/app/readiness").status == 503)
            proxy.check_log()
