"""One HTTP/2 connection, either side: bytes in, events out; and what is to be sent, as bytes. RFC 9113.

No I/O. It keeps to the line between stream and connection errors that section 5.4 draws, and to what sections 5 and 6
say of each frame. What a message's fields mean is for `h2_request` and `h2_response` to judge.
"""

import struct

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core import h2_patience as cost
from aegis_proxy.core.h2_errors import ConnectionFault, StreamFault
from aegis_proxy.core.h2_events import (
    Broken,
    Data,
    Event,
    Fields,
    GoAway,
    Headers,
    PingAnswered,
    Reset,
    Settled,
    WindowOpened,
)
from aegis_proxy.core.h2_sender import MAX_HEADER_LIST, MAX_STREAMS, STREAM_WINDOW, Sender
from aegis_proxy.core.h2_streams import Stream
from aegis_proxy.core.hpack_decoder import Decoder


class Connection(Sender):
    """`settled`: the peer's SETTINGS have come. `broken`: after a connection error."""

    def __init__(self, *, client: bool) -> None:
        super().__init__(client=client)
        self.settled = False
        self.broken = False
        self._in = b""
        self._events: list[Event] = []
        self._decoder = Decoder(MAX_HEADER_LIST)
        self._block: list[bytes] = []  # of a header section that has not come whole yet
        self._block_of = 0
        self._block_size = 0
        self._block_ends = False

    @property
    def within_headers(self) -> bool:
        """Whether a header section has begun and not ended."""
        return self._block_of != 0

    def receive(self, data: bytes, now: float) -> list[Event]:
        """The events that these bytes (after the client's preface) complete; `Broken`, if it comes, is the last."""
        if self.broken:
            return []
        data = self._in + data if self._in else data
        self.patience.wait(now)
        events: list[Event] = []
        self._events = events
        at, end = 0, len(data)
        try:
            while end - at >= 9:
                high, low, kind, flags, number = h2.HEAD.unpack_from(data, at)
                stop = at + 9 + (high << 8) + low
                if stop - at - 9 > h2.DEFAULT_FRAME:
                    raise ConnectionFault(h2.FRAME_SIZE_ERROR, f"a frame over {h2.DEFAULT_FRAME} bytes")
                if end < stop:
                    break
                try:
                    self._frame(kind, flags, number & h2.LARGEST, data[at + 9 : stop])
                except StreamFault as fault:
                    self.patience.spend(cost.RESET)
                    self.reset(fault.stream, fault.code)
                    events.append(Reset(fault.stream, fault.code, True))
                at = stop
        except ConnectionFault as fault:
            self.go_away(fault.code)
            self.broken = True
            events.append(Broken(fault.code, fault.detail))
        self._in = data[at:]
        return events

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._block_of and (kind != h2.CONTINUATION or number != self._block_of):
            raise ConnectionFault(h2.PROTOCOL_ERROR, "a frame within a header section")
        if not self.settled and (kind != h2.SETTINGS or flags & h2.ACK):
            raise ConnectionFault(h2.PROTOCOL_ERROR, "a first frame other than SETTINGS")
        if kind == h2.DATA:
            self._data(flags, number, payload)
        elif kind == h2.HEADERS:
            self._headers(flags, number, payload)
        elif kind == h2.WINDOW_UPDATE:
            self._window_update(number, payload)
        elif kind == h2.CONTINUATION:
            if not self._block_of:
                raise ConnectionFault(h2.PROTOCOL_ERROR, "CONTINUATION of nothing")
            self.patience.spend(cost.FRAME)
            self._fragment(flags, payload)
        elif kind == h2.RST_STREAM:
            self._rst_stream(number, payload)
        else:
            self.patience.spend(cost.FRAME)
            self._rare(kind, flags, number, payload)

    def _rare(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == h2.PRIORITY:
            if not number:
                raise ConnectionFault(h2.PROTOCOL_ERROR, "PRIORITY of no stream")
            if len(payload) != 5:
                if self.streams.is_idle(number):
                    raise ConnectionFault(h2.FRAME_SIZE_ERROR, "a PRIORITY of a wrong size")
                raise StreamFault(number, h2.FRAME_SIZE_ERROR)
        elif kind == h2.PUSH_PROMISE:
            raise ConnectionFault(h2.PROTOCOL_ERROR, "a push that nobody wants")
        elif kind in (h2.SETTINGS, h2.PING, h2.GOAWAY):
            if number:
                raise ConnectionFault(h2.PROTOCOL_ERROR, "a frame of the connection on a stream")
            if kind == h2.SETTINGS:
                self._settings(flags, payload)
            elif kind == h2.PING:
                self._ping(flags, payload)
            else:
                self._goaway(payload)

    def _unpadded(self, flags: int, payload: bytes) -> bytes:
        if not flags & h2.PADDED:
            return payload
        if not payload or payload[0] >= len(payload):
            raise ConnectionFault(h2.PROTOCOL_ERROR, "padding longer than its frame")
        return payload[1 : len(payload) - payload[0]]

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise ConnectionFault(h2.PROTOCOL_ERROR, "DATA of no stream")
        size = len(payload)
        self.receivable -= size
        if self.receivable < 0:
            raise ConnectionFault(h2.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        payload = self._unpadded(flags, payload)
        ended = bool(flags & h2.END_STREAM)
        try:
            stream = self.streams.for_data(number)
            if stream is not None and size > stream.receivable:
                raise StreamFault(number, h2.FLOW_CONTROL_ERROR)
            if stream is not None and not stream.headed:
                raise StreamFault(number, h2.PROTOCOL_ERROR)
        except StreamFault:
            self.give_back(size)
            raise
        if stream is None:
            self.give_back(size)
            return
        stream.receivable -= size
        if payload:
            self.patience.earn(cost.FRAME)
        elif not ended:
            self.patience.spend(cost.FRAME)
        if ended:
            self.ends_there(number, stream)
        self._events.append(Data(number, payload, size, ended))

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise ConnectionFault(h2.PROTOCOL_ERROR, "HEADERS of no stream")
        payload = self._unpadded(flags, payload)
        if flags & h2.WITH_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(h2.FRAME_SIZE_ERROR, "HEADERS shorter than their priority")
            payload = payload[5:]
        self._block_of = number
        self._block_ends = bool(flags & h2.END_STREAM)
        self._fragment(flags, payload)

    def _fragment(self, flags: int, payload: bytes) -> None:
        self._block.append(payload)
        self._block_size += len(payload)
        if self._block_size > MAX_HEADER_LIST:
            raise ConnectionFault(h2.ENHANCE_YOUR_CALM, f"a header section over {MAX_HEADER_LIST} bytes")
        if not flags & h2.END_HEADERS:
            return
        block, number = b"".join(self._block), self._block_of
        self._block, self._block_of, self._block_size = [], 0, 0
        self._section(number, self._decoder.decode(block), self._block_ends)

    def _section(self, number: int, fields: Fields, ended: bool) -> None:
        stream = self.streams.for_headers(number)
        if stream is None:
            if not self.streams.is_idle(number):
                return  # reset by us, and its peer did not know yet
            stream = self.streams.add(number, Stream(self.peer.window, STREAM_WINDOW))
            if len(self.streams) > MAX_STREAMS:
                raise StreamFault(number, h2.REFUSED_STREAM)
        interim = self.client and not stream.headed and _is_interim(fields)
        if (stream.headed and not ended) or (interim and ended):
            raise StreamFault(number, h2.PROTOCOL_ERROR)
        stream.headed = not interim
        if ended:
            self.ends_there(number, stream)
        self._events.append(Headers(number, fields, ended, self._decoder.secret))

    def _rst_stream(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(h2.FRAME_SIZE_ERROR, "an RST_STREAM of a wrong size")
        if not number:
            raise ConnectionFault(h2.PROTOCOL_ERROR, "RST_STREAM of no stream")
        self.streams.refuse_idle(number)
        self.patience.spend(cost.RESET)
        if self.streams.get(number) is not None:
            self.streams.close(number)
            self._events.append(Reset(number, int.from_bytes(payload, "big"), False))

    def _settings(self, flags: int, payload: bytes) -> None:
        if flags & h2.ACK:
            if payload:
                raise ConnectionFault(h2.FRAME_SIZE_ERROR, "a SETTINGS acknowledgement with values")
            return
        window = self.peer.window
        self.peer.take(payload, from_server=self.client)
        self.encoder.resize(self.peer.table)
        for stream in self.streams:
            stream.sendable += self.peer.window - window
            if stream.sendable > h2.LARGEST:
                raise ConnectionFault(h2.FLOW_CONTROL_ERROR, "a window over 2^31-1")
        self.send(h2.frame(h2.SETTINGS, h2.ACK, 0, b""))
        self._events.append(WindowOpened(0) if self.settled else Settled())
        self.settled = True

    def _ping(self, flags: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ConnectionFault(h2.FRAME_SIZE_ERROR, "a PING of a wrong size")
        if flags & h2.ACK:
            self._events.append(PingAnswered())
        else:
            self.send(h2.frame(h2.PING, h2.ACK, 0, payload))

    def _goaway(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise ConnectionFault(h2.FRAME_SIZE_ERROR, "a GOAWAY of a wrong size")
        last, code = struct.unpack_from(">II", payload)
        self.closing = True
        self._events.append(GoAway(last & h2.LARGEST, code))

    def _window_update(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(h2.FRAME_SIZE_ERROR, "a WINDOW_UPDATE of a wrong size")
        self.patience.spend(cost.FRAME)
        size = int.from_bytes(payload, "big") & h2.LARGEST
        if not number:
            self.sendable += size
            if not size:
                raise ConnectionFault(h2.PROTOCOL_ERROR, "a WINDOW_UPDATE of nothing")
            if self.sendable > h2.LARGEST:
                raise ConnectionFault(h2.FLOW_CONTROL_ERROR, "a window over 2^31-1")
        else:
            self.streams.refuse_idle(number)
            stream = self.streams.get(number)
            if stream is None:
                return
            if not size:
                raise StreamFault(number, h2.PROTOCOL_ERROR)
            stream.sendable += size
            if stream.sendable > h2.LARGEST:
                raise StreamFault(number, h2.FLOW_CONTROL_ERROR)
        self._events.append(WindowOpened(number))


def _is_interim(fields: Fields) -> bool:
    return bool(fields) and fields[0][0] == b":status" and fields[0][1][:1] == b"1"
