import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from aegis_api.hosts import HostPattern
from aegis_api.identity import Identity
from aegis_api.metadata import Metadata
from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Request, parse_request
from aegis_proxy.core.snapshot import NOTHING_KNOWN, Snapshot
from aegis_proxy.shell.egress import EgressSide
from aegis_proxy.shell.exchange import Route
from aegis_proxy.shell.token_source import TokenUnavailable
from aegis_proxy.shell.upstream import Address

ME = Identity(Metadata("me", "shop"), "corp", "me")
APP: Any = SimpleNamespace(peer=b"127.0.0.1", transport=None)
OWN = {("127.0.0.1", 3128)}


class Tokens:
    """A token source: what is in `cached` is at hand, the rest is fetched."""

    def __init__(self, **at_hand: bytes) -> None:
        self.at_hand = at_hand
        self.asked: list[str] = []
        self.fetching: Deferred[bytes] = Deferred()

    def cached(self, audience: str) -> bytes | None:
        return self.at_hand.get(audience)

    def fetch(self, audience: str) -> "Deferred[bytes]":
        self.asked.append(audience)
        return self.fetching


class Names:
    """A resolver: `known` are addresses at hand, all others have to be looked up."""

    def __init__(self, **known: str) -> None:
        self.known: dict[str, tuple[str, ...]] = {name.replace("_", "."): (one,) for name, one in known.items()}
        self.looking: Deferred[tuple[str, ...]] = Deferred()

    def fixed(self, host: str, port: int) -> Address | None:
        try:
            return str(ipaddress.ip_address(host)), port
        except ValueError:
            return None

    def at_hand(self, host: str, port: int) -> Address | tuple[str, ...] | None:
        return self.fixed(host, port) or self.known.get(host)

    def addresses(self, host: str) -> "tuple[str, ...] | Deferred[tuple[str, ...]]":
        return self.known.get(host, self.looking)


def side(
    snapshot: Snapshot, tokens: Tokens | None = None, names: Names | None = None, original: Address | None = None
) -> EgressSide:
    control: Any = SimpleNamespace(snapshot=snapshot, tokens=tokens)
    resolver: Any = names or Names(orders_shop_svc="10.0.0.1", attacker_example="1.2.3.4")
    return EgressSide(control, resolver, "shop", OWN, lambda _: original, frozenset({443}))


def asked(host: bytes, *lines: bytes) -> Request:
    return parse_request(b"\r\n".join([b"GET / HTTP/1.1", b"Host: " + host, *lines]), egress_role, canonical=False)


def result(route: "Route | Deferred[Route]") -> Route:
    if isinstance(route, Route):
        return route
    routes: list[Any] = []
    route.addBoth(routes.append)
    if isinstance(routes[0], Failure):
        routes[0].raiseException()
    assert isinstance(routes[0], Route)
    return routes[0]


SHARED = Snapshot(1, identity=ME, audience="aegis")


def test_a_host_of_the_rule_gets_the_token() -> None:
    """At the address that we resolved."""
    route = result(side(SHARED, Tokens(aegis=b"t.t.t")).route(asked(b"orders"), APP))
    assert route.address == ("10.0.0.1", 80)
    assert route.head.endswith(b"\r\nAuthorization: Bearer t.t.t\r\n\r\n")
    assert route.label[0] == "token"


def test_e01_x11_no_other_host_does() -> None:
    """It is not even asked for."""
    tokens = Tokens(aegis=b"t.t.t")
    route = result(side(SHARED, tokens).route(asked(b"attacker.example"), APP))
    assert b"Authorization" not in route.head
    assert (route.label[0], tokens.asked) == ("plain", [])


def test_e05_credentials_of_the_app_pass_where_no_token_goes() -> None:
    """As they are."""
    route = result(side(SHARED, Tokens()).route(asked(b"attacker.example", b"Authorization: Basic own"), APP))
    assert b"\r\nAuthorization: Basic own\r\n" in route.head


def test_e05_credentials_of_the_app_are_refused_where_the_token_goes() -> None:
    """One of the two would be lost."""
    with pytest.raises(Refused) as caught:
        side(SHARED, Tokens(aegis=b"t")).route(asked(b"orders", b"Authorization: Basic own"), APP)
    assert caught.value.refusal.code == "own_credentials"


def test_a_token_that_is_not_at_hand_is_waited_for() -> None:
    """With the audience of the destination where the provider says so."""
    tokens = Tokens()
    each = Snapshot(1, identity=ME, audience="aegis", audience_per_destination=True)
    route = side(each, tokens).route(asked(b"orders"), APP)
    assert tokens.asked == ["orders.shop.svc"]
    tokens.fetching.callback(b"new.t.t")
    assert b"Authorization: Bearer new.t.t\r\n" in result(route).head


def test_e08_a_token_that_cannot_be_had_is_a_503() -> None:
    """Never the request without it."""
    tokens = Tokens()
    route = side(SHARED, tokens).route(asked(b"orders"), APP)
    tokens.fetching.errback(TokenUnavailable("the provider is down", 1.0))
    with pytest.raises(Refused) as caught:
        result(route)
    assert (caught.value.refusal.status, caught.value.detail) == (503, "the provider is down")


def test_e01_what_changes_counts_at_once_for_a_request_that_comes_again() -> None:
    """To the letter the same, so that it is the same object: rule, identity, token and snapshot are those of now."""
    tokens = Tokens(aegis=b"old.t.t", other=b"other.t.t")
    control: Any = SimpleNamespace(snapshot=SHARED, tokens=tokens)
    names: Any = Names(orders_shop_svc="10.0.0.1")
    judge = EgressSide(control, names, "shop", OWN, lambda _: None)
    request = asked(b"orders")._replace(again=True)

    def bearer() -> str:
        head = result(judge.route(request, APP)).head
        return head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()

    assert [bearer(), bearer()] == ["old.t.t"] * 2
    assert judge.route(request, APP) is judge.route(request, APP)
    tokens.at_hand["aegis"] = b"new.t.t"
    assert bearer() == "new.t.t"
    control.snapshot = evolve(SHARED, audience="other")
    assert bearer() == "other.t.t"
    control.snapshot = evolve(SHARED, identity=evolve(ME, hosts=()))
    assert bearer() == ""
    control.snapshot = SHARED
    assert bearer() == "new.t.t"
    del tokens.at_hand["aegis"]  # it has expired
    waiting = judge.route(request, APP)
    assert tokens.asked == ["aegis"]
    tokens.fetching.callback(b"fresh.t.t")
    assert b"Bearer fresh.t.t\r\n" in result(waiting).head
    tokens.at_hand["aegis"] = b"fresh.t.t"
    names.known["orders.shop.svc"] = ("169.254.169.254",)
    with pytest.raises(Refused, match="metadata"):
        judge.route(request, APP)
    names.known["orders.shop.svc"] = ("10.0.0.2",)
    assert result(judge.route(request, APP)).address == ("10.0.0.2", 80)
    control.tokens = None
    with pytest.raises(Refused, match="no_egress_token"):
        judge.route(request, APP)
    control.tokens = tokens
    for snapshot, code in ((evolve(SHARED, no_token="gone"), "no_egress_token"), (NOTHING_KNOWN, "closed")):
        control.snapshot = snapshot
        with pytest.raises(Refused, match=code):
            judge.route(request, APP)


def test_s01_no_token_is_kept_that_is_not_sent_any_more() -> None:
    """Of requests that came again; nor does one ever stand in a repr. What is kept is bounded."""
    tokens = Tokens(aegis=b"old.t.t")
    judge = side(SHARED, tokens)
    requests = [asked(b"orders", b"X: %d" % number)._replace(again=True) for number in range(600)]
    for request in requests:
        judge.route(request, APP)
    assert len(judge._standing) == 512
    assert "old.t.t" not in repr(judge._standing)
    tokens.at_hand["aegis"] = b"new.t.t"
    judge.route(requests[-1], APP)
    assert [standing.token for standing in judge._standing.values()] == [b"new.t.t"]


def test_a_request_that_never_comes_again_is_not_kept() -> None:
    """Most have a target or an id of their own."""
    judge = side(SHARED, Tokens(aegis=b"t.t.t"))
    judge.route(asked(b"orders"), APP)
    assert judge._standing == {}


def test_e02_a_request_that_comes_again_may_be_bound_for_another_address() -> None:
    """The same bytes on another redirected connection: each has the token by its own address alone."""
    bound: list[Address | None] = [None]
    tokens = Tokens(aegis=b"t.t.t")
    control: Any = SimpleNamespace(snapshot=SHARED, tokens=tokens)
    names: Any = Names(orders_shop_svc="10.0.0.1")
    judge = EgressSide(control, names, "shop", OWN, lambda _: bound[0])
    request = asked(b"orders")._replace(again=True)
    ours, theirs = ("10.0.0.1", 80), ("1.2.3.4", 80)
    for original in (None, theirs, ours, ours, theirs, None, ours, theirs):
        bound[0] = original
        route = result(judge.route(request, APP))
        assert route.addresses == (original or ours,)
        assert (b"Authorization" in route.head) is (original != theirs)
    bound[0] = ours
    assert judge.route(request, APP) is judge.route(request, APP)
    names.known["orders.shop.svc"] = ("10.0.0.9",)  # which `ours` is no address of any more
    route = result(judge.route(request, APP))
    assert (route.address, b"Authorization" in route.head) == (ours, False)


def test_a_redirected_request_without_a_token_stands_whatever_its_name_leads_to() -> None:
    """It is not looked up; but the next snapshot may say that the host gets the token."""
    control: Any = SimpleNamespace(snapshot=Snapshot(1), tokens=Tokens(aegis=b"t.t.t"))
    names: Any = Names()
    judge = EgressSide(control, names, "shop", OWN, lambda _: ("10.0.0.1", 80))
    request = asked(b"orders")._replace(again=True)
    first = judge.route(request, APP)
    assert judge.route(request, APP) is first
    assert result(first).label[0] == "plain"
    control.snapshot = SHARED
    names.known["orders.shop.svc"] = ("10.0.0.1",)
    assert result(judge.route(request, APP)).label[0] == "token"


def test_what_nobody_foresaw_is_no_refusal() -> None:
    """It is a defect, and told as one."""
    tokens = Tokens()
    route = side(SHARED, tokens).route(asked(b"orders"), APP)
    tokens.fetching.errback(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        result(route)


def test_without_a_source_there_is_no_token() -> None:
    """A pod that is to have one and cannot is not sent out without."""
    with pytest.raises(Refused) as caught:
        side(SHARED, None).route(asked(b"orders"), APP)
    assert caught.value.refusal.code == "no_egress_token"


def test_before_anything_is_known_nothing_leaves() -> None:
    """Which hosts get the token is not known either."""
    with pytest.raises(Refused) as caught:
        side(NOTHING_KNOWN).route(asked(b"attacker.example"), APP)
    assert caught.value.refusal.code == "closed"


def test_a_name_may_have_to_be_looked_up() -> None:
    """The token, too."""
    names, tokens = Names(), Tokens()
    route = side(SHARED, tokens, names).route(asked(b"orders:8080"), APP)
    names.looking.callback(("10.0.0.7", "10.0.0.8"))
    tokens.fetching.callback(b"t.t.t")
    found = result(route)
    assert found.address == ("10.0.0.7", 8080)
    assert b"Bearer t.t.t" in found.head


@pytest.mark.parametrize(
    "host", [b"169.254.169.254", b"[fd00:ec2::254]", b"169.254.170.2", b"100.100.100.200", b"[::ffff:169.254.169.254]"]
)
def test_e03_metadata_addresses_are_refused(host: bytes) -> None:
    """403, whatever the pod may else."""
    with pytest.raises(Refused) as caught:
        side(Snapshot(1)).route(asked(host), APP)
    assert caught.value.refusal.code == "forbidden_destination"


def test_e03_names_that_lead_to_them_are_refused() -> None:
    """Wherever their DNS points."""
    names = Names()
    names.looking = succeed(("169.254.169.254",))
    for host in (b"metadata.google.internal", b"0xA9FEA9FE", b"evil.example"):
        with pytest.raises(Refused) as caught:
            result(side(Snapshot(1), None, names).route(asked(host), APP))
        assert caught.value.refusal.code == "forbidden_destination"
        names.looking = succeed(("169.254.169.254",))


def test_the_other_addresses_of_a_name_are_tried_in_their_order() -> None:
    """At most four in all, of requests and of CONNECTs; an address that the app named or was bound for stands alone."""
    names = Names(orders_shop_svc="10.0.0.1")
    names.known["orders.shop.svc"] = tuple(f"10.0.0.{number}" for number in range(1, 9))
    tokens = Tokens(aegis=b"t.t.t")
    wanted = tuple((f"10.0.0.{number}", 80) for number in range(1, 5))
    assert result(side(SHARED, tokens, names).route(asked(b"orders"), APP)).addresses == wanted
    tunnel = result(side(SHARED, tokens, names).route(connect(b"orders:443"), APP))
    assert tunnel.addresses == tuple((host, 443) for host, _ in wanted)
    assert result(side(SHARED, tokens, names).route(asked(b"10.9.9.9"), APP)).addresses == (("10.9.9.9", 80),)
    redirected = side(SHARED, tokens, names, ("10.0.0.2", 80))
    assert result(redirected.route(asked(b"orders"), APP)).addresses == (("10.0.0.2", 80),)


@pytest.mark.attack("E03", "E04")
@pytest.mark.parametrize("bad", ["169.254.169.254", "fe80::1", "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_each_address_of_a_name_is_judged(bad: str) -> None:
    """Metadata addresses and our own ports are never called, be they first or last; alone, they are a 403."""
    names = Names()
    judge = side(Snapshot(1), None, names)
    for known in ((bad, "10.0.0.1", "10.0.0.2"), ("10.0.0.1", bad, "10.0.0.2"), ("10.0.0.1", "10.0.0.2", bad)):
        names.known["evil.example"] = known
        route = result(judge.route(asked(b"evil.example:3128"), APP))
        assert route.addresses == (("10.0.0.1", 3128), ("10.0.0.2", 3128))
    names.known["evil.example"] = (bad, bad)
    with pytest.raises(Refused) as caught:
        judge.route(asked(b"evil.example:3128"), APP)
    assert caught.value.refusal.code == "forbidden_destination"


def test_e04_the_proxy_is_no_destination() -> None:
    """Neither by address nor by name."""
    for host in (b"127.0.0.1:3128", b"[::1]:3128", b"127.0.0.2:3128"):
        with pytest.raises(Refused) as caught:
            side(Snapshot(1)).route(asked(host), APP)
        assert caught.value.refusal.code == "forbidden_destination"


@pytest.mark.parametrize(
    ("original", "bearer"), [(("10.0.0.1", 80), True), (("1.2.3.4", 80), False), (("10.0.0.1", 81), False)]
)
def test_e02_a_redirected_connection_goes_where_it_was_going(original: Address, bearer: bool) -> None:
    """With the token only if that is an address of the host that the request names."""
    route = result(side(SHARED, Tokens(aegis=b"t.t.t"), None, original).route(asked(b"orders"), APP))
    assert route.address == original
    assert (b"Authorization" in route.head) is bearer


def test_e02_a_redirected_connection_waits_for_what_is_not_known() -> None:
    """The addresses of the host, and the token."""
    names, tokens = Names(), Tokens()
    route = side(SHARED, tokens, names, ("10.0.0.7", 80)).route(asked(b"orders"), APP)
    names.looking.callback(("10.0.0.7",))
    tokens.fetching.callback(b"t.t.t")
    assert b"Bearer t.t.t" in result(route).head


def test_e02_without_a_token_no_name_is_looked_up() -> None:
    """The connection goes on to where it was going."""
    route = result(side(Snapshot(1), None, Names(), ("1.2.3.4", 80)).route(asked(b"nowhere.example"), APP))
    assert route.address == ("1.2.3.4", 80)


@pytest.mark.parametrize("original", [None, ("10.0.0.7", 80)])
@pytest.mark.parametrize(
    ("then", "label"),
    [
        (Snapshot(2, identity=evolve(ME, hosts=(HostPattern("other.shop.svc"),)), audience="aegis"), "plain"),
        (Snapshot(2), "plain"),
        (NOTHING_KNOWN, "closed"),
    ],
    ids=["narrower", "no-identity", "closed"],
)
def test_k14_who_waited_for_an_address_is_judged_by_one_snapshot(
    then: Snapshot, label: str, original: Address | None
) -> None:
    """The one that is in force by then: an identity that may no longer send its token there does not."""
    names = Names()
    control: Any = SimpleNamespace(snapshot=SHARED, tokens=Tokens(aegis=b"t.t.t"))
    resolver: Any = names
    route = EgressSide(control, resolver, "shop", OWN, lambda _: original).route(asked(b"orders"), APP)
    control.snapshot = then
    names.looking.callback(("10.0.0.7",))
    if label == "closed":
        with pytest.raises(Refused, match="closed"):
            result(route)
    else:
        found = result(route)
        assert (found.label[0], b"Authorization" in found.head) == (label, False)


def connect(authority: bytes) -> Request:
    return parse_request(b"CONNECT " + authority + b" HTTP/1.1", egress_role, canonical=False)


def test_connect_opens_a_tunnel_to_the_address_we_resolved() -> None:
    """Without a token, and whether or not policy is known: nothing of it is judged."""
    for authority, address in ((b"attacker.example:443", "1.2.3.4"), (b"10.1.1.1:443", "10.1.1.1")):
        route = result(side(NOTHING_KNOWN).route(connect(authority), APP))
        assert (route.address, route.head, route.label[0]) == ((address, 443), b"", "connect")


def test_connect_waits_for_its_name() -> None:
    """And is refused where that leads to what is forbidden."""
    names = Names()
    route = side(SHARED, names=names).route(connect(b"evil.example:443"), APP)
    names.looking.callback(("169.254.169.254",))
    with pytest.raises(Refused, match="metadata"):
        result(route)


def test_connect_on_a_redirected_connection_is_refused() -> None:
    """It was bound for another proxy, which is not the one that answers."""
    with pytest.raises(Refused, match="connect_refused"):
        result(side(SHARED, original=("10.0.0.9", 3128)).route(connect(b"a.example:443"), APP))


def test_an_address_that_the_operator_fixed_is_one_of_its_name() -> None:
    """A redirected connection to it may have the token."""
    names = Names()
    names.fixed = lambda host, port: ("10.0.0.8", port)  # type: ignore[method-assign]  # the operator's file
    redirected = side(SHARED, Tokens(aegis=b"t.t.t"), names, original=("10.0.0.8", 80))
    assert result(redirected.route(asked(b"orders"), APP)).label[0] == "token"
    elsewhere = side(SHARED, Tokens(aegis=b"t.t.t"), names, original=("10.0.0.9", 80))
    assert result(elsewhere.route(asked(b"orders"), APP)).label[0] == "plain"


def test_a_stream_under_the_pods_identity_goes_on_while_it_could_be_opened() -> None:
    """One without a token is nobody's business; whether a token is still good is for the destination to say."""
    control: Any = SimpleNamespace(snapshot=SHARED, tokens=Tokens(aegis=b"t.t.t"))
    names: Any = Names(orders_shop_svc="10.0.0.1", attacker_example="1.2.3.4")
    judge = EgressSide(control, names, "shop", OWN, lambda _: None)
    requests = {"token": asked(b"orders"), "plain": asked(b"attacker.example")}
    going: dict[str, Any] = {
        label: SimpleNamespace(request=request, route=result(judge.route(request, APP)))
        for label, request in requests.items()
    }
    going["nowhere yet"] = SimpleNamespace(request=asked(b"orders"), route=None)
    assert [judge.review(each) for each in going.values()] == [None] * 3
    assert not judge.expired(going["token"])
    for snapshot, code in ((NOTHING_KNOWN, "closed"), (Snapshot(2, no_token="gone"), "no_egress_token")):
        control.snapshot = snapshot
        refused = judge.review(going["token"])
        assert refused is not None
        assert refused.refusal.code == code
        assert judge.review(going["plain"]) is None
