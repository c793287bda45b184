"""What is said of each request: metrics always, a decision for each refusal, an access line where it is asked for."""

import os

from twisted.python.failure import Failure

from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request
from aegis_proxy.core.trace_context import trace_of
from aegis_proxy.shell.exchange import Judged, Route
from aegis_proxy.shell.logs import Log
from aegis_proxy.shell.metrics import Metrics
from aegis_proxy.shell.tunnel import Tunnel

_STATUS_CLASSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx")


class Records:
    """`access`: write a line for each request that passed, too."""

    def __init__(self, log: Log, metrics: Metrics, *, access: bool) -> None:
        self._log = log
        self._metrics = metrics
        self._access = access

    def answered(self, direction: str, exchange: Judged, peer: bytes, now: float) -> None:
        """A request that passed, and what upstream answered."""
        response, route = exchange.response, exchange.route
        assert response is not None
        assert route is not None
        self._metrics.count((direction, *route.label, _STATUS_CLASSES[response.status // 100]))
        self._metrics.observe(direction, now - exchange.began)
        if route.span is not None:
            route.span.answered(response.status)
        if self._access:
            verdict, reason, provider, policy, rule = route.label
            self._log.record(
                {
                    "event": "access",
                    "direction": direction,
                    "decision": os.urandom(8).hex(),
                    "trace": _trace(exchange.request, route),
                    "verdict": verdict,
                    "reason": reason,
                    "provider": provider,
                    "policy": policy,
                    "rule": rule,
                    "identity": route.caller,
                    "method": exchange.request.method,
                    "path": exchange.request.path,
                    "status": response.status,
                    "milliseconds": round((now - exchange.began) * 1000, 3),
                    "bytes": exchange.sent_bytes,
                    "peer": peer,
                }
            )

    def tunnelled(self, direction: str, tunnel: Tunnel, now: float) -> None:
        """A tunnel that has ended."""
        opened, exchange = tunnel.opened, tunnel.opened.exchange
        self._metrics.tunnel(direction, opened.kind.value, tunnel.sent, tunnel.received)
        if tunnel.why:
            self._metrics.abort(direction)
        if exchange is not None and exchange.route is not None:
            status = _STATUS_CLASSES[1 if exchange.response else 2]
            self._metrics.count((direction, *exchange.route.label, status))
            if exchange.route.span is not None:
                exchange.route.span.answered(exchange.response.status if exchange.response else 200)
        if self._access or tunnel.why:
            self._log.record(
                {
                    "event": "tunnel",
                    "direction": direction,
                    "kind": opened.kind.value,
                    "identity": exchange.route.caller if exchange and exchange.route else b"",
                    "method": exchange.request.method if exchange else b"",
                    "path": exchange.request.path if exchange else b"",
                    "detail": tunnel.why,
                    "milliseconds": round((now - opened.began) * 1000, 3),
                    "bytes_sent": tunnel.sent,
                    "bytes_received": tunnel.received,
                    "peer": opened.peer,
                }
            )

    def revoked(self, direction: str, refused: Refused, exchange: Judged) -> None:
        """A request that goes on is ended, for it would be refused by now."""
        self._metrics.revoke(direction, refused.reason)
        self._log.info(
            "revoked",
            direction=direction,
            reason=refused.reason,
            detail=refused.detail,
            identity=exchange.route.caller if exchange.route else b"",
            method=exchange.request.method,
            path=exchange.request.path,
        )

    def refused(
        self, direction: str, refused: Refused, request: Request | None, peer: bytes, route: Route | None = None
    ) -> str:
        """A refusal, by the judge or behind it on its `route`; gives the decision id that the answer carries and the
        log explains.
        """
        decision = os.urandom(8).hex()
        refusal = refused.refusal
        self._metrics.count((direction, "deny", refused.reason, "", "", "", _STATUS_CLASSES[refusal.status // 100]))
        if route is not None and route.span is not None:
            route.span.refused(refused)
        self._log.info(
            "refused",
            direction=direction,
            decision=decision,
            trace=_trace(request, route),
            status=refusal.status,
            reason=refused.reason,
            detail=refused.detail,
            identity=refused.caller,
            method=request.method if request else "",
            path=request.path if request else "",
            peer=peer,
        )
        return decision

    def let_through(self, direction: str, refused: Refused, request: Request, peer: bytes) -> None:
        """What DryRun did not refuse."""
        self._log.info(
            "would_refuse",
            direction=direction,
            status=refused.refusal.status,
            reason=refused.reason,
            detail=refused.detail,
            identity=refused.caller,
            method=request.method,
            path=request.path,
            peer=peer,
        )

    def aborted(self, direction: str, why: str, route: Route | None = None) -> None:
        self._metrics.abort(direction)
        if route is not None and route.span is not None:
            route.span.aborted()
        self._log.info("aborted", direction=direction, detail=why)

    def defect(self, failure: Failure) -> None:
        """An exception that nobody foresaw."""
        self._log.failure("defect", failure)


def _trace(request: Request | None, route: Route | None) -> str:
    """The id of the trace that a request came with or began; empty for none."""
    if route is not None and route.span is not None:
        return route.span.context.trace_id
    trace = trace_of(request.fields) if request is not None else None
    return trace.trace_id if trace is not None else ""
