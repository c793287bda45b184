"""Which trace a request belongs to. W3C Trace Context, sections 3.2 and 3.3."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# A later version may append fields (section 3.2.4); version ff is none.
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NAMES = (b"traceparent", b"tracestate")


class TraceContext(NamedTuple):
    """`trace_id` and `span_id` are 32 and 16 lower-case hexadecimal digits; `span_id` is the sender's."""

    trace_id: str
    span_id: str
    sampled: bool


def trace_of(fields: Sequence[bytes]) -> TraceContext | None:
    """What the field lines of a request say; None for nothing, or nothing that can be relied on."""
    found = [value for name, value in map(_split, fields) if name == b"traceparent"]
    match = _TRACEPARENT.fullmatch(found[0]) if len(found) == 1 else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if not int(trace_id, 16) or not int(span_id, 16) or (more and version == b"00"):
        return None
    return TraceContext(trace_id.decode("ascii"), span_id.decode("ascii"), bool(int(flags, 16) & 1))


def continued(fields: Sequence[bytes], trace: TraceContext) -> list[bytes]:
    """The field lines with `trace` as the sender's. The vendors' `tracestate` stays with the trace that it is of."""
    before = trace_of(fields)
    dropped = _NAMES[:1] if before is not None and before.trace_id == trace.trace_id else _NAMES
    kept = [line for line in fields if _split(line)[0] not in dropped]
    return [*kept, f"traceparent: 00-{trace.trace_id}-{trace.span_id}-{trace.sampled:02x}".encode("ascii")]


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip(b" \t")
