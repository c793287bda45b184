"""What the peer asks of us in its SETTINGS. RFC 9113 section 6.5.2."""

import struct

from aegis_proxy.core import h2_frames as h2
from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.hpack_table import MAX_TABLE


class PeerSettings:
    """`streams`: how many it lets us open at a time."""

    __slots__ = ("frame", "streams", "table", "window")

    def __init__(self) -> None:
        self.table = MAX_TABLE
        self.streams = h2.LARGEST
        self.window = h2.DEFAULT_WINDOW
        self.frame = h2.DEFAULT_FRAME

    def take(self, payload: bytes, *, from_server: bool) -> None:
        """Takes a SETTINGS frame's values, the last of each. Raises ConnectionFault."""
        if len(payload) % 6:
            raise ConnectionFault(h2.FRAME_SIZE_ERROR, "SETTINGS that end within a value")
        for name, value in struct.iter_unpack(">HI", payload):
            if name == h2.HEADER_TABLE_SIZE:
                self.table = value
            elif name == h2.ENABLE_PUSH:
                if value > 1 or (from_server and value):
                    raise ConnectionFault(h2.PROTOCOL_ERROR, "a bad ENABLE_PUSH")
            elif name == h2.MAX_CONCURRENT_STREAMS:
                self.streams = value
            elif name == h2.INITIAL_WINDOW_SIZE:
                if value > h2.LARGEST:
                    raise ConnectionFault(h2.FLOW_CONTROL_ERROR, "an INITIAL_WINDOW_SIZE over 2^31-1")
                self.window = value
            elif name == h2.MAX_FRAME_SIZE:
                if not h2.DEFAULT_FRAME <= value <= h2.LARGEST_FRAME:
                    raise ConnectionFault(h2.PROTOCOL_ERROR, "a MAX_FRAME_SIZE out of its range")
                self.frame = value
