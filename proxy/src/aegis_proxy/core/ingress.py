"""The two questions of every incoming request, in their order: who sent it, and is that allowed?

`judge` is the only maker of a `Permit`, and only a `Permit` becomes bytes for the app.
"""

from typing import NamedTuple

from aegis_proxy.core.refusals import AMBIGUOUS_PATH, BAD_TOKEN, CLOSED, NO_KEYS, NO_TOKEN, NOT_ALLOWED, Refused
from aegis_proxy.core.request import Body, Request
from aegis_proxy.core.rules import Grant, RuleIndex
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.core.token_cache import TokenCache
from aegis_proxy.core.token_refusal import Reason, TokenRefused
from aegis_proxy.core.tokens import Verified, verify
from aegis_proxy.core.upgrade import upgrade_fields


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
    rules = snapshot.rules
    if rules.forbids(request.path):  # whoever asks
        raise Refused(AMBIGUOUS_PATH, "an encoded slash, which no rule of this pod allows")
    try:
        caller = _authenticate(request, snapshot, cache, now)
    except TokenRefused as error:
        if error.reason is Reason.UNKNOWN_KEY and not refetched:
            raise UnknownKey(error) from None
        return _without_caller(request, rules, _not_verified(error, snapshot))
    if caller is None:
        return _without_caller(request, rules, Refused(NO_TOKEN))
    grant = rules.for_caller(caller, request.method, request.path)
    if grant is not None:
        return Permit(request, caller, grant, None)
    refused = Refused(NOT_ALLOWED, caller=caller.subject_text)
    if rules.dry_run:
        return Permit(request, caller, None, refused)
    raise refused


def _not_verified(error: TokenRefused, snapshot: Snapshot) -> Refused:
    """No fault of the caller where nobody's token could be verified: there are no keys, or not even an issuer yet."""
    if error.reason is Reason.UNKNOWN_ISSUER and snapshot.untrusted:
        return Refused(NO_KEYS, f"{error.detail}; {snapshot.untrusted}", Reason.NO_KEYS.value)
    refusal = NO_KEYS if error.reason is Reason.NO_KEYS else BAD_TOKEN
    return Refused(refusal, error.detail, error.reason.value)


def _without_caller(request: Request, rules: RuleIndex, refused: Refused) -> Permit:
    """A request whose sender is not known passes where no token is needed, or in a dry run."""
    grant = rules.for_anyone(request.method, request.path)
    if grant is not None:
        return Permit(request, None, grant, None)
    if rules.dry_run:
        return Permit(request, None, None, refused)
    raise refused


def _authenticate(request: Request, snapshot: Snapshot, cache: TokenCache, now: float) -> Verified | None:
    """The sender, None where it presents no bearer token. Raises TokenRefused for a token that is not good."""
    token = _bearer_token(request.credentials) if request.credentials is not None else None
    if token is None:
        return None
    verified = cache.get(token, snapshot.authorities, now)
    if verified is None:
        verified = verify(token, snapshot.authorities, now)
        cache.put(token, verified, snapshot.authorities)
    return verified


def _bearer_token(credentials: bytes) -> bytes | None:
    """The token, None for another scheme (RFC 6750 section 2.1)."""
    return credentials[7:] if credentials[:7].lower() == b"bearer " else None


def head_for_app(permit: Permit, peer: bytes) -> bytes:
    """The head that the app receives. `peer` is the address of the client's side of the connection.

    The token stays here: the app learns who called from X-Aegis-Identity, and cannot pass the token on.
    """
    request = permit.request
    lines = [b"%b %b HTTP/1.1\r\nHost: %b" % (request.method, request.target, request.host), *request.fields]
    if permit.caller is not None:
        lines.append(b"X-Aegis-Identity: " + permit.caller.subject_text)
    lines.append(b"X-Forwarded-For: " + peer)
    lines.append(framing_of(request))
    return b"\r\n".join(lines)


def framing_of(request: Request) -> bytes:
    """The end of a head: the fields that frame the body on its way on, and the empty line."""
    if request.body is Body.NONE:
        if request.upgrade:
            return upgrade_fields(request.upgrade) + b"\r\n"
        # A method that may have a body says that it has none (RFC 9110 section 8.6).
        return b"\r\n" if request.method in _BODYLESS else b"Content-Length: 0\r\n\r\n"
    expect = b"Expect: 100-continue\r\n" if request.expects_continue else b""
    if request.body is Body.CHUNKED:
        return expect + b"Transfer-Encoding: chunked\r\n\r\n"
    return expect + b"Content-Length: %d\r\n\r\n" % request.length


_BODYLESS = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})
