from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from aegis_api.metadata import Metadata
from aegis_api.policy import Enforcement, IdentityPattern, IngressPolicy, Rule
from aegis_proxy.core.fields import ingress_role
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request, parse_request
from aegis_proxy.core.request_reader import RequestReader
from aegis_proxy.core.rules import NO_RULES, compile_rules
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.ingress import IngressSide
from aegis_proxy.shell.metrics import Metrics
from aegis_proxy.shell.records import Records
from support.proxy_log import ReadableLog
from support.tokens import NOW, SUBJECT, authorities, mint, signing_key

APP = ("127.0.0.1", 8080)
CLIENT: Any = SimpleNamespace(peer=b"10.0.0.9", transport=None)
OTHER = signing_key("ES256", "k2", 1)


class Control:
    """Knows a snapshot, and another one once its keys have been asked for."""

    def __init__(self, enforcement: Enforcement = Enforcement.ENFORCE) -> None:
        rules = (Rule("get", frozenset({"GET"}), (b"/",), identities=(IdentityPattern(None, None),)),)
        policy = IngressPolicy(Metadata("orders", "shop"), enforcement, rules)
        self.rules = compile_rules([policy], missing=False)
        self.snapshot = Snapshot(1, authorities(), self.rules)
        self.asked: list[tuple[str, str]] = []
        self.refetched: Deferred[None] | None = None
        self.tokens = None

    def refetch_keys(self, issuer: str, kid: str) -> "Deferred[None] | None":
        self.asked.append((issuer, kid))
        return self.refetched

    def rotate(self) -> None:
        """The issuer's keys are others now."""
        self.snapshot = Snapshot(2, authorities(OTHER), self.rules)
        assert self.refetched is not None
        self.refetched.callback(None)


@pytest.fixture
def log() -> Iterator[ReadableLog]:
    readable = ReadableLog()
    yield readable
    readable.close()


def side(control: Control, log: ReadableLog, upstream: Any = APP) -> IngressSide:
    known: Any = control
    return IngressSide(known, Records(log.log, Metrics(), access=False), lambda: NOW, upstream)


def asked(token: bytes = b"", method: bytes = b"GET") -> Request:
    lines = [b"Authorization: Bearer " + token] if token else []
    return parse_request(
        b"\r\n".join([method + b" /x HTTP/1.1", b"Host: evil:81", *lines]), ingress_role, canonical=True
    )


def test_x10_the_way_leads_to_the_app_whatever_the_request_says(log: ReadableLog) -> None:
    """H03: the address is the configured one; the label names provider, policy and rule."""
    route = side(Control(), log).route(asked(mint()), CLIENT)
    assert isinstance(route, Route)
    assert route.address == APP
    assert route.label == ("allow", "", "local", "orders", "get")
    assert route.caller == SUBJECT.encode()
    assert b"\r\nX-Forwarded-For: 10.0.0.9\r\n" in route.head


def asked_again(token: bytes) -> Request:
    """A request as it is given from its third coming on."""
    reader = RequestReader(ingress_role, canonical=True)
    head = b"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
    taken = [reader.take(head) for _ in range(3)][-1]
    assert taken is not None
    return taken[0]


def test_what_was_routed_stands_for_the_same_client(log: ReadableLog) -> None:
    """Another one, or the same behind another original destination, has a head or an address of its own."""
    request, bound = asked_again(mint()), {"to": APP}
    ours = side(Control(), log, lambda _: bound["to"])
    first = ours.route(request, CLIENT)
    assert ours.route(request, CLIENT) is first
    other = ours.route(request, SimpleNamespace(peer=b"10.0.0.7", transport=None))
    assert isinstance(other, Route)
    assert b"\r\nX-Forwarded-For: 10.0.0.7\r\n" in other.head
    bound["to"] = ("127.0.0.1", 9)
    elsewhere = ours.route(request, CLIENT)
    assert isinstance(elsewhere, Route)
    assert elsewhere.address == ("127.0.0.1", 9)
    assert b"\r\nX-Forwarded-For: 10.0.0.9\r\n" in elsewhere.head


def test_k14_what_was_routed_falls_with_the_keys(log: ReadableLog) -> None:
    """The token's key is gone by then."""
    control, request = Control(), asked_again(mint())
    ours = side(control, log)
    ours.route(request, CLIENT)
    control.snapshot = Snapshot(2, authorities(OTHER), control.rules)
    with pytest.raises(Refused) as caught:
        ours.route(request, CLIENT)
    assert caught.value.refusal.status == 401


def test_without_a_token_nothing_is_routed(log: ReadableLog) -> None:
    """The refusal is raised at once."""
    with pytest.raises(Refused) as caught:
        side(Control(), log).route(asked(), CLIENT)
    assert caught.value.refusal.status == 401


def test_a_redirected_connection_goes_where_it_was_bound(log: ReadableLog) -> None:
    """One that was not redirected goes nowhere without a configured app."""
    assert side(Control(), log, lambda _: ("127.0.0.1", 9)).route(asked(mint()), CLIENT).address[1] == 9  # type: ignore[union-attr]  # it is no Deferred
    with pytest.raises(Refused) as caught:
        side(Control(), log, lambda _: None).route(asked(mint()), CLIENT)
    assert caught.value.refusal.code == "no_upstream"


def test_j09_a_new_key_is_asked_for_and_used(log: ReadableLog) -> None:
    """The request waits for it."""
    control = Control()
    control.refetched = Deferred()
    route = side(control, log).route(asked(mint(OTHER)), CLIENT)
    assert isinstance(route, Deferred)
    assert control.asked == [("https://issuer.example", "k2")]
    routes: list[Route] = []
    route.addCallback(routes.append)
    control.rotate()
    assert routes[0].caller == SUBJECT.encode()


def test_k14_who_waited_for_a_key_is_judged_by_one_snapshot(log: ReadableLog) -> None:
    """The one that is in force by then, with its keys and its rules."""
    control = Control()
    control.refetched = Deferred()
    route = side(control, log).route(asked(mint(OTHER)), CLIENT)
    assert isinstance(route, Deferred)
    refusals: list[Any] = []
    route.addErrback(lambda failure: refusals.append(failure.value))
    control.rules = NO_RULES
    control.rotate()
    assert [(refused.refusal.code, refused.caller) for refused in refusals] == [("not_allowed", SUBJECT.encode())]


def test_j08_a_key_that_stays_unknown_is_a_401(log: ReadableLog) -> None:
    """After the refetch, or at once where there is nothing to wait for."""
    control = Control()
    with pytest.raises(Refused) as caught:
        side(control, log).route(asked(mint(OTHER)), CLIENT)
    assert caught.value.reason == "unknown_key"
    control.refetched = Deferred()
    route: Any = side(control, log).route(asked(mint(OTHER)), CLIENT)
    failures: list[Any] = []
    route.addErrback(failures.append)
    control.refetched.callback(None)
    assert failures[0].value.reason == "unknown_key"


def test_a_dry_run_lets_through_and_records(log: ReadableLog) -> None:
    """The log says what would have been refused; nobody is named who is not known."""
    route = side(Control(Enforcement.DRY_RUN), log).route(asked(b"", b"POST"), CLIENT)
    assert isinstance(route, Route)
    assert (route.label, route.caller) == (("dry_run", "no_token", "", "", ""), b"")
    (event,) = log.events()
    assert (event["event"], event["status"], event["method"], event["path"]) == ("would_refuse", 401, "POST", "/x")


def test_u04_what_goes_on_is_judged_by_what_is_in_force_now(log: ReadableLog) -> None:
    """By its token, which may have expired, by other keys, and by another policy."""
    control = Control()
    judge = side(control, log)
    request = asked(mint())
    going: Any = SimpleNamespace(request=request, route=judge.route(request, CLIENT))
    assert judge.review(going) is None
    assert not judge.expired(going)
    assert judge.expired(SimpleNamespace(route=going.route._replace(permit=_old(going.route.permit))))
    control.snapshot = Snapshot(2, authorities(), compile_rules([], missing=True))
    refused = judge.review(going)
    assert refused is not None
    assert refused.refusal.status == 403
    control.snapshot = Snapshot(3, authorities(OTHER), control.rules)
    refused = judge.review(going)
    assert refused is not None
    assert refused.reason == "unknown_key"


def _old(permit: Any) -> Any:
    """The permit of a token that is good until now."""
    return permit._replace(caller=evolve(permit.caller, expires_at=NOW))


def test_who_needs_no_token_does_not_expire(log: ReadableLog) -> None:
    """Nor does a request without a route."""
    judge = side(Control(), log)
    permit = SimpleNamespace(caller=None)
    for route in (None, SimpleNamespace(permit=None), SimpleNamespace(permit=permit)):
        assert not judge.expired(SimpleNamespace(route=route))
