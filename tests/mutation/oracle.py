"""The universal oracle O1 to O5 on requests: what must hold, whatever bytes came.

It judges by definitions of its own, not by the code that it tests.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mutation.memory import Outcome
from mutation.origin import Seen
from support.tokens import SUBJECT

_PATH = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@{}|^`\"<>\[\]-]|%[0-9A-F]{2})*)+")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")
_OURS = re.compile(rb"x-aegis-", re.IGNORECASE)
_HOP_BY_HOP = (
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"trailer", b"upgrade",
    b"http2-settings",
)  # fmt: skip


ENDING = frozenset({400, 405, 408, 411, 413, 414, 417, 431, 501, 505})


def findings(outcome: Outcome) -> Iterator[str]:
    """What is wrong with the outcome of one mutant of a request from outside."""
    yield from conversation(outcome, ENDING | {200, 401, 403})
    for request in outcome.seen:
        yield from request_findings(request)


def conversation(outcome: Outcome, statuses: frozenset[int]) -> Iterator[str]:
    """What is wrong with it whoever sent it; `statuses` are those that it may be answered with."""
    if tuple(request.target for request in outcome.seen) != outcome.targets[: len(outcome.seen)]:
        yield "O2: the app saw another target than the one that was judged"
    if len(outcome.targets) > len(outcome.seen) + 1:
        yield "O1: more requests passed than reached the app"
    numbers = re.findall(rb"X-Number: ([0-9]+)\r\n", outcome.answered)
    if numbers != [b"%d" % (at + 1) for at in range(len(outcome.seen))]:
        yield f"O1: the client got the answers {numbers} to {len(outcome.seen)} requests"
    if outcome.after_close:
        yield "O3: bytes behind the end of the connection were read"
    if not outcome.closed:
        yield "O3: the connection stayed open when the client was done"
    if outcome.left_open:
        yield "O1: a request that never became whole is still waited for at the app"
    for at, status in enumerate(outcome.statuses):
        if status not in statuses:
            yield f"the status {status}"
        if status in ENDING and at + 1 < len(outcome.statuses):
            yield f"O3: an answer behind the {status}"


def request_findings(seen: Seen) -> Iterator[str]:
    path = seen.target.partition(b"?")[0]
    if not allowed(seen.method, path):
        yield f"O2: {seen.method!r} {seen.target!r} is not what policy allows"
    if path != b"*" and not is_canonical(path):
        yield f"O2: {path!r} has more than one reading"
    if seen.values(b"authorization"):
        yield "the app got the token"
    if len(seen.values(b"host")) != 1:
        yield "the app got no Host, or two"
    if seen.values(b"x-forwarded-for") != [b"10.0.0.9"]:
        yield "X-Forwarded-For is not ours"
    names = [line.partition(b":")[0].lower() for line in seen.lines]
    ours = [name for name in names if _OURS.match(re.sub(rb"[-_]+", b"-", name))]
    callers = seen.values(b"x-aegis-identity")
    if ours not in ([], [b"x-aegis-identity"]) or callers not in ([], [SUBJECT.encode()]):
        yield f"the app got {ours} {callers}"
    if not callers and path != b"/healthz":
        yield "the app got a request of nobody"
    asked = sorted(name for name in names if name in _HOP_BY_HOP)
    if asked not in ([], [b"connection", b"upgrade"]):
        yield f"the app got hop-by-hop fields: {asked}"
    if seen.values(b"te") not in ([], [b"trailers"]):
        yield "the app got another TE than trailers"


def allowed(method: bytes, path: bytes) -> bool:
    """What the policy of `memory.RULES` says, in other words."""
    if path == b"*":
        return method == b"OPTIONS"
    first = path.split(b"/")[1]
    if b"%2F" in path.upper():
        return method == b"GET" and first == b"raw"
    plain = re.sub(rb";[^/]*", b"", path).split(b"/")[1]
    if path == b"/healthz" and method == b"GET":
        return True
    if first == plain == b"public":
        return method in (b"GET", b"HEAD", b"POST")
    return first == plain == b"raw" and method == b"GET"


def is_canonical(path: bytes) -> bool:
    """Whether two common servers would read this path alike."""
    if not _PATH.fullmatch(path):
        return False
    escapes = [bytes.fromhex(found.decode()) for found in re.findall(rb"%(..)", path)]
    if any(byte < b" " or byte in b"\\\x7f" or _UNRESERVED.fullmatch(byte) for byte in escapes):
        return False
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    if re.search(rb"%[0-9A-Fa-f]{2}", unquote_to_bytes(path)):
        return False
    for reading in (path, path.replace(b"%2F", b"/")):
        segments = reading.split(b"/")[1:]
        names = [segment.partition(b";")[0] for segment in segments]
        if b"" in names[:-1] or {b".", b".."} & set(names) or (not names[-1] and segments[-1]):
            return False
    return True


def same(whole: Outcome, split: Outcome) -> bool:
    """O5: whether the bytes had the same result in one piece as in many.

    A refusal keeps the connection only if the refused body is there already, so a client that sends it later may be
    told less.
    """
    if (whole.seen, whole.statuses) == (split.seen, split.statuses):
        return [request.lines for request in whole.seen] == [request.lines for request in split.seen]
    count = len(split.statuses)
    return (
        whole.statuses[:count] == split.statuses
        and whole.seen[: len(split.seen)] == split.seen
        and split.statuses[-1:] in ([401], [403], [502], [503])
        and split.answered.rfind(b"Connection: close") > split.answered.rfind(b"HTTP/1.1 ")
    )
