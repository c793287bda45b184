"""The sending half of an HTTP/2 connection: what is to go out, as bytes, within the peer's windows. RFC 9113."""

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core import h2_patience as cost
from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.h2_patience import Patience
from aegis_proxy.core.h2_settings import PeerSettings
from aegis_proxy.core.h2_streams import Stream, Streams
from aegis_proxy.core.hpack_encoder import Encoder

MAX_STREAMS = 100
MAX_HEADER_LIST = 64 * 1024
STREAM_WINDOW = 128 * 1024
# One stream that nobody reads must not hold up the others: there is room for all of them.
CONNECTION_WINDOW = STREAM_WINDOW * MAX_STREAMS


class Sender:
    """`client`: we open the streams. `closing`: the peer takes no new ones. `unsent` is how much `take` would give."""

    def __init__(self, *, client: bool) -> None:
        self.client = client
        self.streams = Streams(0 if client else 1)
        self.peer = PeerSettings()
        self.patience = Patience()
        self.encoder = Encoder()
        self.sendable = h2.DEFAULT_WINDOW
        self.receivable = CONNECTION_WINDOW
        self.closing = False
        self._unacknowledged = 0
        values = [(h2.INITIAL_WINDOW_SIZE, STREAM_WINDOW), (h2.MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST)]
        values.append((h2.ENABLE_PUSH, 0) if client else (h2.MAX_CONCURRENT_STREAMS, MAX_STREAMS))
        greeting = h2.settings(values) + h2.window_update(0, CONNECTION_WINDOW - h2.DEFAULT_WINDOW)
        self._out: list[bytes] = []
        self.unsent = 0
        self.send(h2.PREFACE + greeting if client else greeting)

    def take(self) -> bytes:
        """What is to be sent now."""
        out, self._out, self.unsent = b"".join(self._out), [], 0
        return out

    def send(self, frame: bytes) -> None:
        self._out.append(frame)
        self.unsent += len(frame)

    def open(self, fields: Fields, *, ended: bool, secret: frozenset[bytes] = frozenset()) -> int:
        """Opens a stream with a request's header section; gives its id. The caller minds `room`."""
        number = self.streams.highest_ours + 2 if self.streams.highest_ours else 1
        self.streams.add(number, Stream(self.peer.window, STREAM_WINDOW))
        self.send_headers(number, fields, ended=ended, secret=secret)
        return number

    @property
    def room(self) -> bool:
        """Whether the peer lets us open one more stream."""
        return not self.closing and len(self.streams) < self.peer.streams and self.streams.highest_ours < h2.LARGEST - 2

    def send_headers(self, number: int, fields: Fields, *, ended: bool, secret: frozenset[bytes] = frozenset()) -> None:
        """Nothing where the stream is over: its peer has reset it. `secret` as in `h2_events.Headers`."""
        stream = self.streams.get(number)
        if stream is None or stream.ended_here:
            return
        block = self.encoder.encode(fields, secret)
        self.send(h2.header_block(number, block, self.peer.frame, ended=ended))
        if ended:
            self._ends_here(number, stream)

    def may_send(self, number: int) -> int:
        """How many bytes of DATA may go out on a stream in one frame; 0 while a window is shut."""
        stream = self.streams.get(number)
        if stream is None or stream.ended_here:
            return 0
        return max(0, min(stream.sendable, self.sendable, self.peer.frame))

    def send_data(self, number: int, payload: bytes, *, ended: bool) -> None:
        """At most `may_send` bytes; none where the stream is over."""
        stream = self.streams.get(number)
        if stream is None or stream.ended_here:
            return
        size = len(payload)
        stream.sendable -= size
        self.sendable -= size
        self.patience.earn(2 * cost.FRAME)  # the peer may open two windows for it
        self.send(h2.HEAD.pack(size >> 8, size & 0xFF, h2.DATA, h2.END_STREAM if ended else 0, number))
        self.send(payload)
        if ended:
            self._ends_here(number, stream)

    def reset(self, number: int, code: int) -> None:
        """Ends a stream; what its peer still sends on it is passed over."""
        if self.streams.get(number) is not None or code == h2.STREAM_CLOSED:
            self.send(h2.rst_stream(number, code))
            self.streams.close(number, reset_by_us=True)

    def acknowledge(self, number: int, size: int) -> None:
        """Gives bytes of DATA back to the windows: the peer may send as many more."""
        self.give_back(size)
        stream = self.streams.get(number)
        if stream is None or stream.ended_there:
            return
        stream.unacknowledged += size
        if stream.unacknowledged >= STREAM_WINDOW // 2:
            self.send(h2.window_update(number, stream.unacknowledged))
            stream.receivable += stream.unacknowledged
            stream.unacknowledged = 0

    def give_back(self, size: int) -> None:
        """Gives bytes of DATA back to the connection's window alone."""
        self._unacknowledged += size
        if self._unacknowledged >= CONNECTION_WINDOW // 4:
            self.send(h2.window_update(0, self._unacknowledged))
            self.receivable += self._unacknowledged
            self._unacknowledged = 0

    def ping(self) -> None:
        self.send(h2.frame(h2.PING, 0, 0, b"aegis-up"))

    def go_away(self, code: int, last: int | None = None) -> None:
        """Says that nothing above `last` (the newest stream of the peer's) is, or will be, looked at."""
        self.send(h2.goaway(self.streams.highest_theirs if last is None else last, code))

    def ends_there(self, number: int, stream: Stream) -> None:
        """The peer sends no more on this stream."""
        stream.ended_there = True
        if stream.ended_here:
            self._over(number)

    def _ends_here(self, number: int, stream: Stream) -> None:
        stream.ended_here = True
        if stream.ended_there:
            self._over(number)

    def _over(self, number: int) -> None:
        self.streams.close(number)
        self.patience.earn(2 * cost.FRAME)
