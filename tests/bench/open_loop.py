"""Requests at a fixed rate, whatever the answers do: the latency of a proxy that is not saturated.

wrk sends a request when it has the answer before, so a slow answer delays the requests that would have measured it.
Here each has its moment, and its latency counts from that on.
"""

import selectors
import socket
import time
from collections import deque
from contextlib import ExitStack
from typing import Literal

from attrs import frozen

from bench.load import Done, Target, whole_length
from bench.processes import BenchError

_PATIENCE = 30.0


@frozen
class OpenLoop:
    """`rate` requests a second for `seconds`, over `connections` that are kept open."""

    rate: int = 2000
    connections: int = 32
    seconds: int = 4
    unit: Literal["request"] = "request"

    def warm_up(self, target: Target) -> None:
        self._send(target, self.rate)

    def run(self, target: Target) -> Done:
        began = time.perf_counter()
        latencies = sorted(self._send(target, self.rate * self.seconds))
        took = time.perf_counter() - began
        return Done(len(latencies), len(latencies) / took, percentile(latencies, 50), percentile(latencies, 99))

    def _send(self, target: Target, count: int) -> list[float]:
        """The latencies in milliseconds. Raises BenchError."""
        head = f"GET {target.mesh.path} HTTP/1.1\r\nHost: app\r\nAuthorization: Bearer {target.mesh.token()}\r\n\r\n"
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            idle: deque[_Connection] = deque()
            for _ in range(self.connections):
                opened = stack.enter_context(socket.create_connection(("127.0.0.1", target.port), _PATIENCE))
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.setblocking(False)
                connection = _Connection(opened)
                selector.register(opened, selectors.EVENT_READ, connection)
                idle.append(connection)
            return self._keep_time(selector, idle, head.encode(), count)

    def _keep_time(
        self, selector: selectors.BaseSelector, idle: "deque[_Connection]", head: bytes, count: int
    ) -> list[float]:
        latencies: list[float] = []
        sent, began = 0, time.perf_counter()
        while len(latencies) < count:
            now = time.perf_counter()
            if now - began > count / self.rate + _PATIENCE:
                raise BenchError(f"{count - len(latencies)} of {count} requests got no answer")
            while sent < count and idle and (due := began + sent / self.rate) <= now:
                idle.popleft().ask(head, due)
                sent += 1
            until = began + sent / self.rate - now if sent < count and idle else 1.0
            for key, _ in selector.select(max(until, 0.0)):
                connection: _Connection = key.data
                if connection.is_answered():
                    latencies.append((time.perf_counter() - connection.due) * 1000)
                    idle.append(connection)
        return latencies


class _Connection:
    """One request at a time; `due` is when it was to be sent."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._answer = b""
        self._wanted = 0
        self.due = 0.0

    def ask(self, head: bytes, due: float) -> None:
        self.due, self._answer, self._wanted = due, b"", 0
        self._socket.send(head)

    def is_answered(self) -> bool:
        """Takes what has come; whether that was the last of it. Raises BenchError for another answer than 200."""
        came = self._socket.recv(65536)
        self._answer += came
        if not self._wanted and b"\r\n\r\n" in self._answer:
            self._wanted = whole_length(self._answer)
        if not came:
            raise BenchError("the connection was closed before the answer")
        return self._wanted > 0 and len(self._answer) >= self._wanted


def percentile(ascending: list[float], percent: int) -> float:
    """The least value that so many percent do not exceed."""
    return ascending[max(-(-len(ascending) * percent // 100) - 1, 0)]
