"""OpenTelemetry: a span for each request, sent to a collector by OTLP over HTTP. Needs the extra `tracing`.

A request goes on as part of the trace that it came with, or of a new one; the next proxy's span hangs below ours.
"""

import logging
from collections.abc import Callable
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.trace_context import TraceContext, continued, trace_of
from aegis_proxy.settings import Settings
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.logs import Log
from aegis_proxy.shell.server import Connected, Side

_EXPORT_PATIENCE = 2.0
# Methods that may name a span; another one is a client's own word.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_KINDS = {"inbound": SpanKind.SERVER, "outbound": SpanKind.CLIENT}
_FIRST_FAILURES = {"inbound": 500, "outbound": 400}  # as the conventions for HTTP spans have it


class RequestSpan:
    """The span of one request; ended once, by whatever ends the request first."""

    def __init__(self, span: Span, first_failure: int) -> None:
        self._span = span
        self._first_failure = first_failure

    @property
    def context(self) -> TraceContext:
        context = self._span.get_span_context()
        return TraceContext(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)

    def judged(self, route: Route) -> None:
        names = ("decision", "reason", "provider", "policy", "rule")
        self._span.set_attributes(
            {f"aegis.{name}": text for name, text in zip(names, route.label, strict=True) if text}
        )
        if route.caller:
            self._span.set_attribute("enduser.id", route.caller.decode("ascii"))

    def answered(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= self._first_failure:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def refused(self, refused: Refused) -> None:
        self._span.set_attributes({"aegis.decision": "deny", "aegis.reason": refused.reason})
        self.answered(refused.refusal.status)

    def aborted(self) -> None:
        self._span.set_status(Status(StatusCode.ERROR, "aborted"))
        self._span.end()


class Tracing:
    """Begins spans and hands them to `processor`."""

    def __init__(self, settings: Settings, processor: SpanProcessor) -> None:
        named = {"service.name": settings.identity or "aegis-proxy", "service.namespace": settings.namespace}
        pod = {"k8s.namespace.name": settings.namespace, "k8s.pod.name": settings.pod} if settings.pod else {}
        sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
        self._provider = TracerProvider(sampler, Resource.create({**named, **pod}), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("aegis_proxy")

    def begin(self, direction: str, request: Request, peer: bytes) -> RequestSpan:
        came = trace_of(request.fields)
        above = None
        if came is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if came.sampled else TraceFlags.DEFAULT)
            remote = SpanContext(int(came.trace_id, 16), int(came.span_id, 16), is_remote=True, trace_flags=flags)
            above = set_span_in_context(NonRecordingSpan(remote))
        method = request.method.decode("ascii")
        attributes = {
            "http.request.method": method if method in _METHODS else "_OTHER",
            "url.path": request.path.decode("latin-1"),
            "server.address": request.host.decode("latin-1"),
            "network.peer.address": peer.decode("ascii"),
        }
        name = method if method in _METHODS else "HTTP"
        span = self._tracer.start_span(name, above, _KINDS[direction], attributes)
        return RequestSpan(span, _FIRST_FAILURES[direction])

    def side(self, side: Side) -> "TracedSide":
        return TracedSide(side, self)

    def stop(self) -> "Deferred[None]":
        """Sends what is left; for as long as one export may take."""
        return deferToThread(self._provider.shutdown)


class TracedSide:
    """A side whose requests have spans."""

    def __init__(self, side: Side, tracing: Tracing) -> None:
        self._side = side
        self._tracing = tracing
        self.direction = side.direction
        self.canonical = side.canonical
        self.role_of = side.role_of

    def route(self, request: Request, connection: Connected) -> "Route | Deferred[Route]":
        span = self._tracing.begin(self.direction, request, connection.peer)
        traced = request._replace(fields=continued(request.fields, span.context), again=False)
        try:
            route = self._side.route(traced, connection)
        except Refused as refused:
            span.refused(refused)
            raise

        def judged(route: Route) -> Route:
            span.judged(route)
            return route._replace(span=span)

        def failed(failure: Failure) -> Failure:
            if isinstance(failure.value, Refused):
                span.refused(failure.value)
            else:
                span.aborted()
            return failure

        return judged(route) if isinstance(route, Route) else route.addCallbacks(judged, failed)


def begin_tracing(settings: Settings, log: Log, from_thread: Callable[..., Any]) -> Tracing:
    """Tracing to `settings.trace_endpoint`; its troubles go to the log, by way of `from_thread`."""
    _tell(log, from_thread)
    exporter = OTLPSpanExporter(settings.trace_endpoint, timeout=_EXPORT_PATIENCE)
    return Tracing(settings, BatchSpanProcessor(exporter))


def _tell(log: Log, from_thread: Callable[..., Any]) -> None:
    """The exporter works, and complains, in a thread of its own."""

    def write(detail: str) -> None:
        log.warning("tracing", detail=detail)

    class ToLog(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            from_thread(write, record.getMessage())

    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.addHandler(ToLog(logging.WARNING))
