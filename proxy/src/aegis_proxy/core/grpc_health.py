"""The two messages of a gRPC health check, written by hand: a field each.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import struct

PATH = b"/grpc.health.v1.Health/Check"

_STRING_1 = b"\x0a"  # HealthCheckRequest: field 1, service, a string
_SERVING = b"\x08\x01"  # HealthCheckResponse: field 1, status, SERVING
# Uncompressed, and how long it is: what gRPC puts before each message.
_PREFIX = struct.Struct(">BI")
LONGEST_ANSWER = 1024


def request(service: str) -> bytes:
    """The message that asks for a service, with its prefix. The empty name asks for the whole server."""
    name = service.encode()
    message = _STRING_1 + _varint(len(name)) + name if name else b""
    return _PREFIX.pack(0, len(message)) + message


def is_serving(body: bytes) -> bool:
    """Whether a response's whole body is one message that says SERVING."""
    return body == _PREFIX.pack(0, len(_SERVING)) + _SERVING


def _varint(number: int) -> bytes:
    low = bytes((number & 0x7F | (0x80 if number > 0x7F else 0),))
    return low + _varint(number >> 7) if number > 0x7F else low
