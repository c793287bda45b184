from typing import Any

import pytest
from attrs import evolve

from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_api.policy import Enforcement, IdentityPattern, IngressPolicy, Rule
from aegis_proxy.core.fields import ingress_role
from aegis_proxy.core.ingress import Permit, UnknownKey, head_for_app, judge
from aegis_proxy.core.keys import KeySet
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request, parse_request
from aegis_proxy.core.rules import Grant, compile_rules
from aegis_proxy.core.snapshot import NOTHING_KNOWN, Snapshot
from aegis_proxy.core.token_cache import TokenCache
from support.tokens import NOW, SUBJECT, authorities, claims, mint, signing_key

RULES = (
    Rule("get", frozenset({"GET"}), (b"/public",), identities=(IdentityPattern("shop", "identity01"),)),
    Rule("health", frozenset({"GET"}), (b"/healthz",), unauthenticated=True),
)
TOKEN = mint()


def snapshot(enforcement: Enforcement = Enforcement.ENFORCE, **changes: Any) -> Snapshot:
    rules = compile_rules([IngressPolicy(Metadata("orders", "shop"), enforcement, RULES)], missing=False)
    return evolve(Snapshot(1, authorities=authorities(), rules=rules), **changes)


KNOWN = snapshot()


def request(target: bytes = b"/public", *lines: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> Request:
    block = b"\r\n".join([method + b" " + target + b" " + version, b"Host: orders:80", *lines])
    return parse_request(block, ingress_role, canonical=True)


def bearer(token: bytes = TOKEN) -> bytes:
    return b"Authorization: Bearer " + token


def permit(asked: Request, known: Snapshot = KNOWN, now: float = NOW) -> Permit:
    return judge(asked, known, TokenCache(), now)


def refused(asked: Request, known: Snapshot = KNOWN, now: float = NOW) -> tuple[int, str, str]:
    with pytest.raises(Refused) as caught:
        permit(asked, known, now)
    return caught.value.refusal.status, caught.value.refusal.code, caught.value.reason


def test_a_good_token_and_a_rule_make_a_permit() -> None:
    """It says who may, and by which rule."""
    granted = permit(request(b"/public", bearer()))
    assert granted.caller is not None
    assert granted.caller.subject == Subject("shop", "identity01")
    assert (granted.grant, granted.would_refuse) == (Grant("orders", "get"), None)


def test_a_verified_token_is_remembered() -> None:
    """The second request does not check its signature again, and is judged all the same."""
    cache = TokenCache()
    first = judge(request(b"/public", bearer()), KNOWN, cache, NOW)
    again = judge(request(b"/public", bearer()), KNOWN, cache, NOW)
    assert again.caller is first.caller
    with pytest.raises(Refused):
        judge(request(b"/other", bearer()), KNOWN, cache, NOW)


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param([], id="none"),
        pytest.param([b"Authorization: Basic x"], id="H05-basic"),
        pytest.param([b"Authorization: Bearer"], id="H05-no-token"),
        pytest.param([b"Authorization: Bearer\t" + TOKEN], id="H05-tab"),
        pytest.param([b"Authorization:"], id="H05-empty"),
        pytest.param([b"Cookie: access_token=" + TOKEN], id="H06-cookie"),
        pytest.param([b"X-Access-Token: " + TOKEN], id="H06-x-access-token"),
        pytest.param([b"Proxy-Authorization: Bearer " + TOKEN], id="H06-proxy-authorization"),
    ],
)
def test_without_a_bearer_token_nobody_is_known(credentials: list[bytes]) -> None:
    """401, without saying that a token was bad."""
    assert refused(request(b"/public", *credentials)) == (401, "no_token", "no_token")


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(b"Bearer  " + TOKEN, id="H05-two-spaces"),
        pytest.param(b"Bearer " + TOKEN + b" extra", id="H05-extra"),
        pytest.param(b"Bearer " + TOKEN + b", Bearer " + TOKEN, id="H04-list"),
        pytest.param(b"Bearer x", id="garbage"),
        pytest.param(b"Bearer \xff", id="obs-text"),
    ],
)
def test_what_is_no_token_is_a_bad_token(credentials: bytes) -> None:
    """401 with `invalid_token`."""
    assert refused(request(b"/public", b"Authorization: " + credentials)) == (401, "bad_token", "malformed")


def test_h05_the_scheme_has_no_case() -> None:
    """RFC 9110 section 11.1."""
    for scheme in (b"bearer ", b"BEARER ", b"beAReR "):
        assert permit(request(b"/public", b"authorization:" + scheme + TOKEN + b" ")).caller is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"exp": int(NOW) - 31, "iat": ..., "nbf": ...}, "expired", id="X07-exp"),
        pytest.param({"nbf": int(NOW) + 31}, "not_yet_valid", id="X07-nbf"),
        pytest.param({"iss": "https://other.example"}, "unknown_issuer", id="X07-iss"),
        pytest.param({"aud": "other"}, "wrong_audience", id="X07-aud"),
        pytest.param({"sub": 5}, "bad_claim", id="X16-sub"),
        pytest.param({"sub": "a"}, "no_subject", id="sub"),
    ],
)
def test_claims_are_checked(changes: dict[str, object], reason: str) -> None:
    """The reason is for the log, the answer says only that the token is bad."""
    token = mint(payload=claims(**changes))
    assert refused(request(b"/public", bearer(token))) == (401, "bad_token", reason)


@pytest.mark.parametrize(
    ("target", "method"),
    [
        pytest.param(b"/admin", b"GET", id="X01"),
        pytest.param(b"/publicity", b"GET", id="X08"),
        pytest.param(b"/public/../admin", b"GET", id="X09"),
        pytest.param(b"/public", b"POST", id="method"),
        pytest.param(b"/public", b"HEAD", id="M06"),
        pytest.param(b"/public", b"get", id="M01"),
        pytest.param(b"*", b"OPTIONS", id="P38"),
    ],
)
def test_x23_what_policy_does_not_allow_is_a_403(target: bytes, method: bytes) -> None:
    """The caller is known; asking again with another token is no way out."""
    assert refused(request(target, bearer(), method=method)) == (403, "not_allowed", "not_allowed")


def test_x02_another_caller_is_denied() -> None:
    """Its token is good."""
    token = mint(payload=claims(sub="system:serviceaccount:shop:other"))
    assert refused(request(b"/public", bearer(token)))[0] == 403


def test_x05_without_rules_no_token_is_enough() -> None:
    """A pod without policy denies."""
    assert refused(request(b"/public", bearer()), evolve(KNOWN, rules=NOTHING_KNOWN.rules))[0] == 403


@pytest.mark.parametrize("credentials", [[], [bearer()], [bearer(b"x.y.z")], [bearer(mint(payload=claims(aud="x")))]])
def test_x25_what_needs_no_token_passes_with_any(credentials: list[bytes]) -> None:
    """A bad token is no reason to refuse; nobody is known by it."""
    granted = permit(request(b"/healthz", *credentials))
    assert granted.grant == Grant("orders", "health")
    assert (granted.caller is not None) is (credentials == [bearer()])


OPTED_IN = Rule(
    "raw", frozenset({"GET"}), (b"/raw",), identities=(IdentityPattern("shop", "other"),), encoded_slash=True
)


@pytest.mark.parametrize("enforcement", Enforcement)
@pytest.mark.parametrize("lines", [[], [bearer(b"x")], [bearer()]], ids=["no token", "bad token", "good token"])
@pytest.mark.parametrize("target", [b"/public/a%2fb", b"/healthz%2F", b"/raw/a%2Fb"])
def test_p09_without_an_opt_in_an_encoded_slash_is_refused_whoever_asks(
    target: bytes, lines: list[bytes], enforcement: Enforcement
) -> None:
    """400, not even in a dry run anything else, and nothing is said about the caller."""
    assert refused(request(target, *lines), snapshot(enforcement)) == (400, "ambiguous_path", "ambiguous_path")


@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        (b"/raw/a%2fb", [bearer()], 403),
        (b"/public/a%2fb", [bearer()], 403),
        (b"/healthz%2F", [], 401),
        (b"/raw/a%2fb", [bearer(mint(payload=claims(sub="system:serviceaccount:shop:other")))], 200),
    ],
    ids=["another caller", "another rule", "nobody", "the caller of the rule"],
)
def test_with_an_opt_in_an_encoded_slash_is_judged(target: bytes, lines: list[bytes], status: int) -> None:
    """Only the rules that opt in may allow it; what they allow is sent on encoded."""
    rules = compile_rules(
        [IngressPolicy(Metadata("orders", "shop"), Enforcement.ENFORCE, (*RULES, OPTED_IN))], missing=False
    )
    known, asked = evolve(KNOWN, rules=rules), request(target, *lines)
    if status == 200:
        assert permit(asked, known).grant == Grant("orders", "raw")
        assert app_sees(asked, known)[0] == b"GET /raw/a%2Fb HTTP/1.1"
    else:
        assert refused(asked, known)[0] == status


def test_before_anything_is_known_all_is_refused() -> None:
    """503: it is not the caller's fault; not even what needs no token passes."""
    assert refused(request(b"/healthz"), NOTHING_KNOWN) == (503, "closed", "closed")
    assert refused(request(b"/public", bearer()), evolve(KNOWN, closed="too old"))[0] == 503


def test_an_issuer_that_is_not_known_may_be_of_a_provider_that_is_not() -> None:
    """503 while one that is accepted was not reached, for its issuer is not known either; what is known is judged."""
    waiting = snapshot(untrusted="the provider old is not trusted yet: no answer")
    stranger = bearer(mint(payload=claims(iss="https://old.example")))
    assert refused(request(b"/public", stranger)) == (401, "bad_token", "unknown_issuer")
    assert refused(request(b"/public", stranger), waiting) == (503, "no_keys", "no_keys")
    with pytest.raises(Refused, match="the provider old is not trusted yet: no answer"):
        permit(request(b"/public", stranger), waiting)
    assert refused(request(b"/public", bearer(b"x")), waiting) == (401, "bad_token", "malformed")
    assert permit(request(b"/public", bearer()), waiting).caller is not None
    assert permit(request(b"/healthz", stranger), waiting).grant == Grant("orders", "health")


def test_without_keys_nobody_can_be_known() -> None:
    """503 to those who show a token, 401 to those who show none."""
    known = snapshot(authorities=authorities(keys=KeySet()))
    assert refused(request(b"/public", bearer()), known) == (503, "no_keys", "no_keys")
    assert refused(request(b"/public"), known)[0] == 401
    assert permit(request(b"/healthz", bearer()), known).caller is None


def test_an_unknown_key_asks_for_the_keys_once() -> None:
    """J09: a new key may have come; when that was looked up, the token is bad."""
    token = mint(signing_key("ES256", "k2", 1))
    asked = request(b"/public", bearer(token))
    with pytest.raises(UnknownKey) as caught:
        judge(asked, KNOWN, TokenCache(), NOW)
    assert caught.value.refused.kid == "k2"
    with pytest.raises(Refused) as refusal:
        judge(asked, KNOWN, TokenCache(), NOW, refetched=True)
    assert (refusal.value.refusal.status, refusal.value.reason) == (401, "unknown_key")


@pytest.mark.parametrize(
    ("lines", "code"),
    [([], "no_token"), ([bearer(b"x")], "bad_token"), ([bearer()], "not_allowed")],
    ids=["no token", "bad token", "not allowed"],
)
def test_a_dry_run_lets_through_and_says_what_it_would_refuse(lines: list[bytes], code: str) -> None:
    """No grant is named, for there was none."""
    granted = permit(request(b"/admin", *lines), snapshot(Enforcement.DRY_RUN))
    assert granted.would_refuse is not None
    assert granted.would_refuse.refusal.code == code
    assert granted.grant is None
    assert (granted.caller is not None) is (code == "not_allowed")


def test_a_dry_run_does_not_open_what_is_closed() -> None:
    """What is not known yet might say Enforce."""
    assert refused(request(b"/public"), snapshot(Enforcement.DRY_RUN, closed="not yet"))[0] == 503


def test_j38_each_request_is_judged_at_its_own_time() -> None:
    """A token that was good on this connection may have expired."""
    cache, asked = TokenCache(), request(b"/public", bearer())
    assert judge(asked, KNOWN, cache, NOW).caller is not None
    with pytest.raises(Refused) as caught:
        judge(asked, KNOWN, cache, NOW + 90)
    assert caught.value.reason == "expired"


def app_sees(asked: Request, known: Snapshot = KNOWN) -> list[bytes]:
    head = head_for_app(permit(asked, known), b"10.0.0.9")
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1
    return head[:-4].split(b"\r\n")


def test_the_app_learns_who_called_and_not_the_token() -> None:
    """H09, H10, S03: our own fields once, those of the client gone."""
    asked = request(b"/public/?q", bearer(), b"X-Aegis-Identity: admin", b"X-Forwarded-For: 1.2.3.4", b"Accept: x")
    assert app_sees(asked) == [
        b"GET /public/?q HTTP/1.1",
        b"Host: orders:80",
        b"Accept: x",
        b"X-Aegis-Identity: " + SUBJECT.encode(),
        b"X-Forwarded-For: 10.0.0.9",
    ]


def test_x13_nobody_known_is_nobody_named() -> None:
    """Without a verified caller there is no identity, whatever the client says."""
    seen = app_sees(request(b"/healthz", b"X-Aegis-Identity: admin"))
    assert not any(line.lower().startswith(b"x-aegis") for line in seen)


def test_x12_connection_cannot_remove_our_fields() -> None:
    """What it names is removed before ours are set."""
    seen = app_sees(request(b"/public", bearer(), b"Connection: X-Aegis-Identity, X-Forwarded-For, Host"))
    assert b"X-Aegis-Identity: " + SUBJECT.encode() in seen
    assert b"X-Forwarded-For: 10.0.0.9" in seen
    assert b"Host: orders:80" in seen


@pytest.mark.parametrize(
    ("method", "lines", "framing"),
    [
        (b"GET", [], []),
        (b"GET", [b"Content-Length: 0"], []),
        (b"GET", [b"Content-Length: 5"], [b"Content-Length: 5"]),
        (b"HEAD", [], []),
        (b"DELETE", [], []),
        (b"POST", [], [b"Content-Length: 0"]),
        (b"POST", [b"Transfer-Encoding: chunked"], [b"Transfer-Encoding: chunked"]),
        (
            b"PUT",
            [b"Content-Length: 5", b"Expect: 100-continue"],
            [b"Expect: 100-continue", b"Content-Length: 5"],
        ),
    ],
)
def test_m07_the_body_is_framed_as_it_comes(method: bytes, lines: list[bytes], framing: list[bytes]) -> None:
    """One framing, and none where there is no body."""
    granted = Permit(request(b"/public", *lines, method=method), None, None, None)
    seen = head_for_app(granted, b"::1")[:-4].split(b"\r\n")
    assert seen[2:] == [b"X-Forwarded-For: ::1", *framing]
