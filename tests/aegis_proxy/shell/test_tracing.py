"""Spans: what they say, whose children they are, and that each ends once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from twisted.internet.defer import Deferred

from aegis_proxy.core.refusals import NOT_ALLOWED, UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.core.trace_context import trace_of
from aegis_proxy.settings import Settings
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.tracing import Tracing
from support.in_memory_http import HttpInMemory, http_in_memory, route
from support.mesh import RULES, bearer, request
from support.otlp_collector import OtlpCollector, attributes
from support.proxy_process import ProxyProcess, policy, provider, token
from support.raw_client import RawClient
from support.recording_origin import RecordingOrigin

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"traceparent: 00-{TRACE}-{SPAN}-01".encode()
GET = b"GET /x?secret=1 HTTP/1.1\r\nHost: orders.shop.svc\r\n\r\n"
TRACED = GET[:-2] + TRACEPARENT + b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Traced:
    """A server in memory whose spans are kept."""

    def __init__(self, http: HttpInMemory, ratio: float = 1.0) -> None:
        self.http = http
        self.side = http.side
        self._exporter = InMemorySpanExporter()
        settings = Settings(namespace="shop", identity="orders", pod="orders-1", trace_ratio=ratio)
        http.server.side = Tracing(settings, SimpleSpanProcessor(self._exporter)).side(http.side)

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def only(self) -> tuple[ReadableSpan, dict[str, Any]]:
        [span] = self.ended
        return span, dict(span.attributes or {})


@pytest.fixture
def traced() -> Iterator[Traced]:
    with http_in_memory() as http:
        yield Traced(http)


def test_a_request_that_passed(traced: Traced) -> None:
    """Its span hangs below the caller's, and the next one below it; the query is nobody's business."""
    client, _ = traced.http.connect()
    client.dataReceived(TRACED)
    traced.http.pool.opened[0].dataReceived(OK)
    span, told = traced.only()
    assert (span.name, span.kind, span.status.status_code) == ("GET", SpanKind.SERVER, StatusCode.UNSET)
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    assert told == {
        "http.request.method": "GET",
        "url.path": "/x",
        "server.address": "orders.shop.svc",
        "network.peer.address": "",
        "aegis.decision": "allow",
        "aegis.provider": "corp",
        "aegis.policy": "orders",
        "aegis.rule": "r",
        "http.response.status_code": 200,
    }
    assert dict(span.resource.attributes).items() >= {"service.name": "orders", "k8s.pod.name": "orders-1"}.items()
    sent = trace_of(traced.side.asked[0].fields)
    context = span.get_span_context()
    assert context is not None
    assert sent == (TRACE, f"{context.span_id:016x}", True)
    assert traced.http.log.events()[0]["trace"] == TRACE


def test_a_request_of_no_trace_begins_one(traced: Traced) -> None:
    """What goes on, the span and the log agree on its id."""
    client, _ = traced.http.connect()
    client.dataReceived(GET)
    traced.http.pool.opened[0].dataReceived(OK)
    span, _ = traced.only()
    sent = trace_of(traced.side.asked[0].fields)
    assert sent is not None
    assert span.parent is None
    assert traced.http.log.events()[0]["trace"] == sent.trace_id


def test_the_caller_is_named(traced: Traced) -> None:
    """As the policy knows it."""
    traced.side.make = lambda asked: route(asked)._replace(caller=b"system:serviceaccount:shop:a")
    client, _ = traced.http.connect()
    client.dataReceived(GET)
    traced.http.pool.opened[0].dataReceived(OK)
    assert traced.only()[1]["enduser.id"] == "system:serviceaccount:shop:a"


def test_what_is_not_sampled_goes_on_unseen() -> None:
    """By the caller's word, and by chance where there is none; the flag goes on."""
    with http_in_memory() as http:
        traced = Traced(http, ratio=0.0)
        client, _ = http.connect()
        client.dataReceived(TRACED.replace(b"-01\r\n", b"-00\r\n") + GET)
        for _ in range(2):
            http.pool.opened[0].dataReceived(OK)
        assert traced.ended == ()
        assert [context.sampled for asked in traced.side.asked if (context := trace_of(asked.fields))] == [False] * 2


@pytest.mark.parametrize("late", [False, True])
def test_a_refusal(traced: Traced, late: bool) -> None:
    """With its reason, at once or after a wait; a 4xx is no error of a server."""
    refused = Refused(NOT_ALLOWED)
    waiting: Deferred[Route] = Deferred()
    traced.side.answers = [waiting if late else refused]
    client, _ = traced.http.connect()
    client.dataReceived(GET)
    if late:
        assert traced.ended == ()
        waiting.errback(refused)
    span, told = traced.only()
    assert (told["aegis.decision"], told["aegis.reason"]) == ("deny", NOT_ALLOWED.code)
    assert (told["http.response.status_code"], span.status.status_code) == (403, StatusCode.UNSET)


def test_what_upstream_does_to_it() -> None:
    """Refused behind the judge: the span says allow no more."""
    with http_in_memory(at_once=False) as http:
        traced = Traced(http)
        client, _ = http.connect()
        client.dataReceived(GET)
        http.pool.refuse(Refused(UPSTREAM_UNREACHABLE, "connection refused"))
        span, told = traced.only()
        assert (told["http.response.status_code"], span.status.status_code) == (502, StatusCode.ERROR)


@pytest.mark.parametrize("answered", [False, True])
def test_a_client_that_goes_away(traced: Traced, answered: bool) -> None:
    """Before or in the middle of the answer: the span ends as aborted."""
    client, transport = traced.http.connect()
    client.dataReceived(GET)
    if answered:
        traced.http.pool.opened[0].dataReceived(OK[:-1])
    transport.end()
    span, _ = traced.only()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "aborted")


def test_a_client_that_does_not_wait_for_the_judge(traced: Traced) -> None:
    """What was never judged has ended, too."""
    traced.side.answers = [Deferred()]
    client, transport = traced.http.connect()
    client.dataReceived(GET)
    transport.end()
    assert traced.only()[0].status.description == "aborted"


def test_an_odd_method_names_no_span(traced: Traced) -> None:
    """Names are few; what a client made up is not among them."""
    client, _ = traced.http.connect()
    client.dataReceived(GET.replace(b"GET", b"BREW"))
    traced.http.pool.opened[0].dataReceived(OK)
    span, told = traced.only()
    assert (span.name, told["http.request.method"]) == ("HTTP", "_OTHER")


def test_a_tunnel_is_one_request(traced: Traced) -> None:
    """Its span ends with it."""
    client, transport = traced.http.connect()
    client.dataReceived(GET[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    traced.http.pool.opened[0].dataReceived(switched)
    assert traced.ended == ()
    transport.end()
    traced.http.wait(3)
    assert traced.only()[1]["http.response.status_code"] == 101


def test_the_command_sends_spans_to_a_collector(tmp_path: Path) -> None:
    """The real proxy, by OTLP: what passed and what was refused; S01: no token is in any of it."""
    flags = ["--provider=corp", "--policy=orders", "--identity=", "--access-log"]
    with OtlpCollector() as collector, RecordingOrigin() as origin:
        flags += [f"--ingress-upstream=127.0.0.1:{origin.port}", f"--trace-endpoint={collector.url}"]
        with ProxyProcess(tmp_path, [provider(), policy(*RULES)], *flags) as proxy:
            with RawClient(proxy.ingress) as client:
                client.send(request(b"/public/a", TRACEPARENT))
                assert client.answer().status == 200
                client.send(request(b"/private", TRACEPARENT))
                assert client.answer().status == 403
            proxy.stop()
            assert proxy.wait() == 0
            proxy.check_log()
        [seen] = origin.requests
    passed, refused = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
    assert {span.trace_id.hex() for span in (passed, refused)} == {TRACE}
    assert {span.parent_span_id.hex() for span in (passed, refused)} == {SPAN}
    assert f"00-{TRACE}-{passed.span_id.hex()}-01" in repr(seen)
    assert attributes(passed)["aegis.rule"] == "public"
    assert attributes(refused)["aegis.reason"] == NOT_ALLOWED.code
    assert attributes(passed)["enduser.id"] == "system:serviceaccount:shop:identity01"
    assert bearer()[-20:] not in collector.raw
    assert token()[:20] not in collector.raw


def test_a_collector_that_is_not_there_costs_spans_alone(tmp_path: Path) -> None:
    """The log says so, the requests go on, and the end comes in time."""
    with RecordingOrigin() as origin:
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}"]
        with ProxyProcess(
            tmp_path, [provider(), policy(*RULES)], *flags, "--trace-endpoint=http://127.0.0.1:9/v1/traces"
        ) as proxy:
            with RawClient(proxy.ingress) as client:
                client.send(request(b"/public/a"))
                assert client.answer().status == 200
            proxy.stop()
            assert proxy.wait() == 0
            lines = [json.loads(line) for line in proxy.lines]
            assert any(line["event"] == "tracing" for line in lines)
            assert proxy.errors == []
