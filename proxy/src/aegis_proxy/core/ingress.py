"""The two questions of every incoming request, in their order: who sent it, and is that allowed?

`judge` is the only maker of a `Permit`, and only a `Permit` becomes bytes for the app.
"""

from typing import NamedTuple

from aegis_proxy.core.refusals import BAD_TOKEN, CLOSED, NO_KEYS, NO_TOKEN, NOT_ALLOWED, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.core.rules import Grant
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.core.token_cache import TokenCache
from aegis_proxy.core.token_refusal import Reason, TokenRefused
from aegis_proxy.core.tokens import Verified, verify


class Permit(NamedTuple):
    """A request that may pass. `caller` is None where no good token came and none was needed.

    `would_refuse` is set where only DryRun let it through.
    """

    request: Request
    caller: Verified | None
    grant: Grant | None
    would_refuse: Refused | None


class UnknownKey(Exception):
    """The token names a key that is not in the key set of its issuer: a new key may have come since it was fetched."""

    def __init__(self, refused: TokenRefused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def judge(request: Request, snapshot: Snapshot, cache: TokenCache, now: float, *, refetched: bool = False) -> Permit:
    """Judges a request by one snapshot at one moment (`now`: seconds since 1970).

    Raises Refused, or UnknownKey once (`refetched` says that its keys have been asked for since).
    """
    if snapshot.closed:
        raise Refused(CLOSED, snapshot.closed)
    refused: Refused
    caller: Verified | None = None
    try:
        caller = _authenticate(request, snapshot, cache, now)
    except TokenRefused as error:
        if error.reason is Reason.UNKNOWN_KEY and not refetched:
            raise UnknownKey(error) from None
        refused = Refused(NO_KEYS if error.reason is Reason.NO_KEYS else BAD_TOKEN, error.detail, error.reason.value)
        grant = snapshot.rules.for_anyone(request.method, request.path)
    else:
        if caller is None:
            refused = Refused(NO_TOKEN)
            grant = snapshot.rules.for_anyone(request.method, request.path)
        else:
            refused = Refused(NOT_ALLOWED)
            grant = snapshot.rules.for_caller(caller.subject, caller.claims, request.method, request.path)
    if grant is not None:
        return Permit(request, caller, grant, None)
    if snapshot.rules.dry_run:
        return Permit(request, caller, None, refused)
    raise refused


def _authenticate(request: Request, snapshot: Snapshot, cache: TokenCache, now: float) -> Verified | None:
    """The sender, None where it presents no bearer token. Raises TokenRefused for a token that is not good."""
    credentials = request.credentials
    if credentials is None or credentials[:7].lower() != b"bearer ":  # RFC 6750 section 2.1
        return None
    token = credentials[7:]
    verified = cache.get(token, snapshot.authorities, now)
    if verified is None:
        verified = verify(token, snapshot.authorities, now)
        cache.put(token, snapshot.authorities, verified)
    return verified


def head_for_app(permit: Permit, peer: bytes) -> bytes:
    """The head that the app receives. `peer` is the address of the client's side of the connection.

    The token stays here: the app learns who called from X-Aegis-Identity, and cannot pass the token on.
    """
    request = permit.request
    lines = [b"%b %b HTTP/1.1\r\nHost: %b" % (request.method, request.target, request.host), *request.fields]
    if permit.caller is not None:
        lines.append(b"X-Aegis-Identity: " + permit.caller.subject_text)
    lines.append(b"X-Forwarded-For: " + peer)
    return b"\r\n".join(lines) + framing_of(request)


def framing_of(request: Request) -> bytes:
    """The fields that frame the body on its way on, and the end of the head."""
    if request.body is Body.NONE:
        # A method that may have a body says that it has none (RFC 9110 section 8.6).
        return b"\r\n\r\n" if request.method in _BODYLESS else b"\r\nContent-Length: 0\r\n\r\n"
    expect = b"\r\nExpect: 100-continue" if request.expects_continue else b""
    if request.body is Body.CHUNKED:
        return expect + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    return expect + b"\r\nContent-Length: %d\r\n\r\n" % request.length


_BODYLESS = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})
