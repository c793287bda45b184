"""The library h2 as the other end of a connection in memory: a client of the proxy, or an app behind it."""

from typing import Any

from attrs import define, field
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from hpack import NeverIndexedHeaderTuple

from support.in_memory_http import HttpInMemory, MemoryTransport

Pairs = list[tuple[bytes, bytes]]

HEAD: Pairs = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"shop"), (b":path", b"/x")]
POST: Pairs = [(b":method", b"POST"), *HEAD[1:]]
GRPC: Pairs = [*POST, (b"content-type", b"application/grpc"), (b"te", b"trailers")]


@define
class Message:
    """What came on one stream so far. `secret` names the fields of the head that were never to be indexed."""

    interim: list[Pairs] = field(factory=list)
    head: Pairs = field(factory=list)
    secret: set[bytes] = field(factory=set)
    body: bytes = b""
    trailers: Pairs = field(factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(dict(self.head)[b":status"])

    def value(self, name: bytes) -> bytes | None:
        return dict(self.head).get(name)


class Peer:
    """One end. `talk` carries bytes both ways until both have said all."""

    def __init__(self, protocol: Any, transport: MemoryTransport, *, client: bool) -> None:
        config = H2Configuration(
            client_side=client,
            header_encoding=None,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = H2Connection(config)
        self.protocol = protocol
        self.transport = transport
        self.messages: dict[int, Message] = {}
        self.goaway: int | None = None
        self.acknowledging = True
        self.h2.initiate_connection()

    def message(self, number: int) -> Message:
        return self.messages.setdefault(number, Message())

    def talk(self) -> None:
        while True:
            to_us, to_proxy = self.transport.take(), self.h2.data_to_send()
            if to_proxy and not self.transport.ended:
                self.protocol.dataReceived(to_proxy)
            if to_us:
                for event in self.h2.receive_data(to_us):
                    self._note(event)
            if not to_us and not to_proxy:
                return

    def _note(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self.goaway = int(event.error_code or 0)
            return
        number = getattr(event, "stream_id", None)
        if not number:
            return
        message = self.message(number)
        if isinstance(event, InformationalResponseReceived):
            message.interim.append(_plain(event.headers))
        elif isinstance(event, RequestReceived | ResponseReceived):
            message.head = _plain(event.headers)
            message.secret = {bytes(each[0]) for each in event.headers if isinstance(each, NeverIndexedHeaderTuple)}
        elif isinstance(event, DataReceived):
            message.body += event.data
            if self.acknowledging and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, TrailersReceived):
            message.trailers = _plain(event.headers)
        elif isinstance(event, StreamEnded):
            message.ended = True
        elif isinstance(event, StreamReset):
            message.reset = int(event.error_code)


def _plain(headers: Any) -> Pairs:
    return [(bytes(name), bytes(value)) for name, value in headers]


class Client(Peer):
    """A client of the proxy, with prior knowledge."""

    def __init__(self, http: HttpInMemory) -> None:
        protocol, transport = http.connect()
        super().__init__(protocol, transport, client=True)
        self.protocol.dataReceived(self.h2.data_to_send())
        self.protocol = transport.protocol
        self.talk()

    def ask(self, fields: Pairs = HEAD, body: bytes = b"", *, ended: bool = True) -> Message:
        """Sends a request; what comes back on its stream, now and later."""
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, fields, end_stream=ended and not body)
        if body:
            self.h2.send_data(number, body, end_stream=ended)
        message = self.message(number)
        self.talk()
        return message

    @property
    def last(self) -> int:
        return self.h2.highest_outbound_stream_id


class App(Peer):
    """An upstream that speaks HTTP/2 on a connection that the proxy has opened."""

    def __init__(self, transport: MemoryTransport) -> None:
        super().__init__(transport.protocol, transport, client=False)
        self.talk()

    def answer(
        self, number: int, fields: Pairs, body: bytes = b"", trailers: Pairs = [], *, ended: bool = True
    ) -> None:
        self.h2.send_headers(number, fields, end_stream=ended and not body and not trailers)
        if body:
            self.h2.send_data(number, body, end_stream=ended and not trailers)
        if trailers:
            self.h2.send_headers(number, trailers, end_stream=True)
        self.talk()
