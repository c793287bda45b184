"""A gRPC app of a real implementation (grpcio), whose messages are plain bytes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
from attrs import define, field

Context = Any  # grpc.ServicerContext: grpcio ships no types


@define(eq=False)
class GrpcApp:
    """`with GrpcApp() as app:` serves the service shop.Orders on loopback.

    Get echoes; List gives as many messages as its request says; Put gives the size of all that came; Chat echoes each
    message; Wait goes on until it is cancelled; Fail ends with FAILED_PRECONDITION. `calls` holds (method, invocation
    metadata, seconds left), `cancelled` is set when a call of Wait was cancelled.
    """

    calls: list[tuple[str, dict[str, str], float | None]] = field(factory=list)
    cancelled: threading.Event = field(factory=threading.Event)
    port: int = 0
    serving: bool = True
    _server: Any = None

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)])
        self._server.add_generic_rpc_handlers((_Orders(self), _Health(self)))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Gives up all calls that are under way, and serves no more."""
        self._server.stop(None).wait(10)

    def note(self, method: str, context: Context) -> None:
        self.calls.append((method, dict(context.invocation_metadata()), context.time_remaining()))


class _Orders(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    def __init__(self, app: GrpcApp) -> None:
        self._app = app

    def service(self, details: Any) -> Any:
        handlers = {
            "Get": grpc.unary_unary_rpc_method_handler(self._get),
            "List": grpc.unary_stream_rpc_method_handler(self._list),
            "Put": grpc.stream_unary_rpc_method_handler(self._put),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
            "Wait": grpc.unary_stream_rpc_method_handler(self._wait),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
        }
        service, _, method = details.method.rpartition("/")
        return handlers.get(method) if service == "/shop.Orders" else None

    def _get(self, request: bytes, context: Context) -> bytes:
        self._app.note("Get", context)
        context.set_trailing_metadata((("served-by", "app"),))
        return request

    def _list(self, request: bytes, context: Context) -> Iterator[bytes]:
        self._app.note("List", context)
        for number in range(int(request)):
            yield b"%d" % number

    def _put(self, requests: Iterator[bytes], context: Context) -> bytes:
        self._app.note("Put", context)
        return b"%d" % sum(len(request) for request in requests)

    def _chat(self, requests: Iterator[bytes], context: Context) -> Iterator[bytes]:
        self._app.note("Chat", context)
        yield from requests

    def _wait(self, request: bytes, context: Context) -> Iterator[bytes]:
        self._app.note("Wait", context)
        over = threading.Event()

        def ended() -> None:
            # Not behind the yield: grpcio does not come back to a call that was cancelled while it sent.
            self._app.cancelled.set()
            over.set()

        context.add_callback(ended)
        yield b"waiting"
        over.wait(30)

    def _fail(self, request: bytes, context: Context) -> bytes:
        self._app.note("Fail", context)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100% sure")
        raise AssertionError


class _Health(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    """grpc.health.v1.Health/Check: knows "" and "shop.Orders"."""

    def __init__(self, app: GrpcApp) -> None:
        self._app = app

    def service(self, details: Any) -> Any:
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self._check)

    def _check(self, request: bytes, context: Context) -> bytes:
        self._app.note("Check", context)
        if request not in (b"", b"\x0a\x0bshop.Orders"):
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return b"\x08\x01" if self._app.serving else b"\x08\x02"
