"""Every way to say no, and the answer that each becomes.

An answer names its status and a decision id; the reason, the rule and the claims stand in the log under that id.
"""

import json
from http import HTTPStatus

from attrs import frozen


@frozen
class Refusal:
    """`code` is for logs and metrics. `closes`: the connection cannot be used on, for its framing is not known.

    `challenge` is the `error` of the WWW-Authenticate header that every 401 carries (RFC 6750 section 3); it is
    empty where no token came at all.
    """

    status: int
    code: str
    closes: bool = False
    challenge: str = ""
    retry_after: int = 0


BAD_REQUEST = Refusal(400, "bad_request", closes=True)
BAD_HEADER = Refusal(400, "bad_header", closes=True)
BAD_HOST = Refusal(400, "bad_host", closes=True)
BAD_TARGET = Refusal(400, "bad_target", closes=True)
AMBIGUOUS_PATH = Refusal(400, "ambiguous_path", closes=True)
BAD_FRAMING = Refusal(400, "bad_framing", closes=True)
BAD_BODY = Refusal(400, "bad_body", closes=True)
TWO_CREDENTIALS = Refusal(400, "two_credentials", closes=True)
OWN_CREDENTIALS = Refusal(400, "own_credentials", closes=True)
CONNECT_REFUSED = Refusal(405, "connect_refused", closes=True)
TRACE_REFUSED = Refusal(405, "trace_refused", closes=True)
REQUEST_TIMEOUT = Refusal(408, "request_timeout", closes=True)
TARGET_TOO_LONG = Refusal(414, "target_too_long", closes=True)
BAD_EXPECTATION = Refusal(417, "bad_expectation", closes=True)
HEAD_TOO_LARGE = Refusal(431, "head_too_large", closes=True)
UNKNOWN_CODING = Refusal(501, "unknown_transfer_coding", closes=True)
UPGRADE_REFUSED = Refusal(501, "upgrade_refused", closes=True)
BAD_VERSION = Refusal(505, "bad_version", closes=True)

NO_TOKEN = Refusal(401, "no_token")
BAD_TOKEN = Refusal(401, "bad_token", challenge="invalid_token")
NOT_ALLOWED = Refusal(403, "not_allowed")
FORBIDDEN_DESTINATION = Refusal(403, "forbidden_destination")

CLOSED = Refusal(503, "closed", retry_after=5)
NO_KEYS = Refusal(503, "no_keys", retry_after=5)
NO_EGRESS_TOKEN = Refusal(503, "no_egress_token", retry_after=5)
UPSTREAM_UNREACHABLE = Refusal(502, "upstream_unreachable")
UPSTREAM_BROKEN = Refusal(502, "upstream_broken")
NO_UPSTREAM = Refusal(502, "no_upstream")
UPSTREAM_TIMEOUT = Refusal(504, "upstream_timeout")


class Refused(Exception):
    """A message that is refused. `detail` is for the log, and never holds a credential.

    `reason` is the code for logs and metrics: the refusal's own, or a finer one (why a token is no good). `caller` is
    the subject whose token was good, empty where nobody is known.
    """

    def __init__(self, refusal: Refusal, detail: str = "", reason: str = "", caller: bytes = b"") -> None:
        super().__init__(f"{refusal.code}: {detail}" if detail else refusal.code)
        self.refusal = refusal
        self.detail = detail
        self.reason = reason or refusal.code
        self.caller = caller


def answer(refusal: Refusal, decision: str, *, close: bool, head_only: bool = False) -> bytes:
    """The whole HTTP/1.1 response. `close` adds `Connection: close`; `head_only` answers a HEAD."""
    phrase = HTTPStatus(refusal.status).phrase
    body = json.dumps({"status": refusal.status, "error": phrase.lower(), "decision": decision}).encode() + b"\n"
    lines = [f"HTTP/1.1 {refusal.status} {phrase}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    if refusal.status == 401:
        error = f', error="{refusal.challenge}"' if refusal.challenge else ""
        lines.append(f'WWW-Authenticate: Bearer realm="aegis"{error}')
    if refusal.retry_after:
        lines.append(f"Retry-After: {refusal.retry_after}")
    if refusal.status == 405:
        lines.append("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if head_only else head + body
