"""Refusals as a gRPC caller reads them: a response of trailers only.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and doc/http-grpc-status-mapping.md
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from aegis_proxy.core.h2_events import Fields
from aegis_proxy.core.refusals import Refusal

DEADLINE_EXCEEDED: Final = 4
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

_STATUS = {
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    408: DEADLINE_EXCEEDED,
    413: RESOURCE_EXHAUSTED,
    414: RESOURCE_EXHAUSTED,
    431: RESOURCE_EXHAUSTED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: DEADLINE_EXCEEDED,
}
_TYPE = re.compile(rb"[ \t]*application/grpc(?:[+;].*|[ \t]*)", re.IGNORECASE)


def is_grpc(lines: Iterable[bytes]) -> bool:
    """Whether these field lines are of a gRPC message. gRPC-Web is none: it is plain HTTP."""
    return any(line[:13].lower() == b"content-type:" and _TYPE.fullmatch(line, 13) for line in lines)


def is_grpc_section(fields: Fields) -> bool:
    """The same of a header section; its last word counts."""
    return _TYPE.fullmatch(dict(fields).get(b"content-type", b"")) is not None


def refusal_fields(refusal: Refusal, decision: str) -> Fields:
    """The one header section that is the whole response. The decision id is all that it tells beside the status."""
    phrase = HTTPStatus(refusal.status).phrase.lower()
    return [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"grpc-status", b"%d" % _STATUS.get(refusal.status, INTERNAL)),
        (b"grpc-message", f"{phrase} (decision {decision})".encode()),
    ]
