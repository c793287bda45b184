import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.hosts import HostPattern
from aegis_api.identity import Identity
from aegis_api.metadata import Metadata
from aegis_proxy.core.egress import (
    Destination,
    Destinations,
    destination,
    families_in_turn,
    forbidden,
    head_for_upstream,
    parse_connect_to,
    to_connect,
)
from aegis_proxy.core.fields import egress_role
from aegis_proxy.core.refusals import NO_EGRESS_TOKEN, Refused
from aegis_proxy.core.request import Request, parse_request
from aegis_proxy.core.snapshot import Snapshot

ME = Identity(Metadata("me", "shop"), "corp", "me")
SHARED = Snapshot(1, identity=ME, audience="aegis")
EACH = evolve(SHARED, audience_per_destination=True)


def to(host: bytes, *lines: bytes, target: bytes = b"/", method: bytes = b"GET") -> Request:
    return parse_request(
        b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: " + host, *lines]), egress_role, canonical=False
    )


def goes(host: bytes, snapshot: Snapshot = SHARED, *lines: bytes) -> Destination:
    return destination(to(host, *lines), snapshot, "shop")


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        (b"orders.shop.svc", "orders.shop.svc", 80),
        (b"Orders.Shop.SVC.:8080", "orders.shop.svc", 8080),
        (b"orders.shop.svc.cluster.local", "orders.shop.svc", 80),
        (b"orders", "orders.shop.svc", 80),
        (b"localhost:81", "localhost", 81),
        (b"127.0.0.1:81", "127.0.0.1", 81),
        (b"[::1]", "::1", 80),
        (b"[::1]:8080", "::1", 8080),
        (b"[2001:DB8::1]:80", "2001:db8::1", 80),
        (b"0xA9FEA9FE", "0xa9fea9fe.shop.svc", 80),
    ],
)
def test_h02_a_destination_has_one_spelling(host: bytes, name: str, port: int) -> None:
    """As the cluster's DNS would resolve it from the app's namespace."""
    found = goes(host)
    assert (found.host, found.port) == (name, port)


def test_a_host_that_is_none_goes_nowhere() -> None:
    """Nothing is guessed."""
    with pytest.raises(Refused) as caught:
        goes(b"a..b")
    assert caught.value.refusal.status == 400


@pytest.mark.parametrize(
    ("host", "audience"),
    [
        pytest.param(b"orders.shop.svc", "aegis", id="mesh"),
        pytest.param(b"orders", "aegis", id="short"),
        pytest.param(b"attacker.example", "", id="E01-X11"),
        pytest.param(b"orders.shop.svc.attacker.example", "", id="E01-suffix"),
        pytest.param(b"xsvc", "aegis", id="single label is a Service"),
        pytest.param(b"evil.xsvc", "", id="E01-not-a-label"),
        pytest.param(b"169.254.169.254", "", id="E03"),
        pytest.param(b"[::ffff:169.254.169.254]", "", id="E03-mapped"),
        pytest.param(b"metadata.google.internal", "", id="E03-name"),
        pytest.param(b"localhost", "", id="E04"),
        pytest.param(b"127.0.0.1:15000", "", id="E04-address"),
        pytest.param(b"[::1]", "", id="E04-v6"),
    ],
)
def test_the_token_goes_to_hosts_of_the_rule_alone(host: bytes, audience: str) -> None:
    """No rule, no token."""
    assert goes(host).audience == audience


def test_a_token_never_travels_openly_out_of_the_cluster() -> None:
    """Even where the Identity lists the host: http is plain text."""
    listed = evolve(SHARED, identity=evolve(ME, hosts=(HostPattern("api.example.com"), HostPattern("*.example.org"))))
    for host in (b"api.example.com", b"a.example.org"):
        with pytest.raises(Refused, match="without TLS") as refused:
            goes(host, listed)
        assert refused.value.refusal is NO_EGRESS_TOKEN


@pytest.mark.parametrize("host", ["127.evil.example", "127.0.0.1.evil.example", "127.1", "127.0.0.256", "localhost.x"])
def test_e01_a_name_that_looks_like_loopback_is_none(host: str) -> None:
    """Only an address is one."""
    listed = evolve(SHARED, identity=evolve(ME, hosts=(HostPattern(host),)))
    with pytest.raises(Refused, match=r"without TLS|no name and no address"):
        goes(host.encode(), listed)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9"])
def test_a_token_may_stay_on_this_machine(host: str) -> None:
    """Where the Identity lists it."""
    listed = evolve(SHARED, identity=evolve(ME, hosts=(HostPattern(host),)))
    assert goes(host.encode(), listed).audience == "aegis"


@pytest.mark.parametrize(
    ("host", "audience"),
    [(b"orders", "orders.shop.svc"), (b"pay.bank.svc.cluster.local:8080", "pay.bank.svc"), (b"a.b.c.svc", "b.c.svc")],
)
def test_an_audience_per_destination_is_its_service(host: bytes, audience: str) -> None:
    """A token that one service gets is worthless at the next; a pod behind a Service counts as that Service."""
    assert goes(host, EACH).audience == audience


def test_no_audience_is_made_up_for_a_host_that_is_no_service() -> None:
    """A token that is wanted and cannot be had refuses the request."""
    listed = evolve(EACH, identity=evolve(ME, hosts=(HostPattern("localhost"),)))
    with pytest.raises(Refused, match="no <service>") as refused:
        goes(b"localhost", listed)
    assert refused.value.refusal is NO_EGRESS_TOKEN


def test_e05_the_apps_own_credentials_are_never_overwritten() -> None:
    """Where the mesh's token would go, both together are refused; elsewhere the app's pass."""
    with pytest.raises(Refused) as caught:
        goes(b"orders", SHARED, b"Authorization: Bearer own")
    assert caught.value.refusal.code == "own_credentials"
    assert goes(b"attacker.example", SHARED, b"Authorization: Bearer own").audience == ""


def test_without_an_identity_everything_passes_as_it_came() -> None:
    """The pod was given none."""
    assert goes(b"orders", Snapshot(1)).audience == ""


def test_a_token_that_cannot_be_had_is_a_503() -> None:
    """Never the request without it; hosts that get no token are not concerned."""
    broken = evolve(SHARED, no_token="the provider does not exist")
    with pytest.raises(Refused) as caught:
        goes(b"orders", broken)
    assert (caught.value.refusal.status, caught.value.detail) == (503, "the provider does not exist")
    assert goes(b"attacker.example", broken).audience == ""


def test_an_identity_that_is_not_known_refuses_all() -> None:
    """Nobody can say which hosts should have got its token."""
    with pytest.raises(Refused) as caught:
        goes(b"attacker.example", Snapshot(1, no_token="the Identity does not exist"))
    assert caught.value.refusal.code == "no_egress_token"


@pytest.mark.parametrize(
    ("lines", "token", "seen"),
    [
        ([b"Accept: x"], b"", [b"Accept: x"]),
        ([b"Accept: x"], b"t.t.t", [b"Accept: x", b"Authorization: Bearer t.t.t"]),
        ([b"Authorization: Basic own"], b"", [b"Authorization: Basic own"]),
        ([b"X-Forwarded-For: 1.2.3.4"], b"", [b"X-Forwarded-For: 1.2.3.4"]),
        ([b"X-Aegis-Identity: admin", b"Proxy-Connection: x", b"Connection: x-a", b"X-A: 1"], b"", []),
        ([b"Content-Length: 5"], b"", [b"Content-Length: 5"]),
    ],
)
def test_the_destination_gets_the_request_as_it_came(lines: list[bytes], token: bytes, seen: list[bytes]) -> None:
    """Without what ends here, and with the token where there is one."""
    head = head_for_upstream(to(b"Orders:80", *lines, target=b"/a/../b;c?d"), token)
    assert head == b"\r\n".join([b"GET /a/../b;c?d HTTP/1.1", b"Host: Orders:80", *seen, b"", b""])


def test_a_destination_is_remembered_while_one_snapshot_is_in_force() -> None:
    """The next one is asked anew, and so are requests whose own credentials decide, too."""
    known = Destinations("shop", False)
    narrower = evolve(SHARED, identity=evolve(ME, hosts=(HostPattern("billing.shop.svc"),)))
    for snapshot, audience in ((SHARED, "aegis"), (SHARED, "aegis"), (narrower, ""), (SHARED, "aegis")):
        assert known.find(to(b"orders"), snapshot) == destination(to(b"orders"), snapshot, "shop")
        assert known.find(to(b"orders"), snapshot).audience == audience
    with pytest.raises(Refused, match="own_credentials"):
        known.find(to(b"orders", b"Authorization: Bearer own"), SHARED)
    with pytest.raises(Refused, match="no_egress_token"):
        known.find(to(b"orders"), evolve(SHARED, no_token="gone"))


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    """An app that goes to many does not fill the memory."""
    known = Destinations("shop", False)
    for number in range(1000):
        assert known.find(to(b"h%d.example" % number), SHARED).host == f"h{number}.example"
    assert len(known._known) == 512


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "::ffff:0.0.0.0",
    ],
)
def test_e03_addresses_that_no_app_may_reach_through_us(address: str) -> None:
    """Link-local and metadata addresses, and those of no host."""
    assert forbidden((address, 80), set())


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "8.8.8.8", "2001:db8::1", "::ffff:10.0.0.1"])
def test_all_other_addresses_may_be_reached(address: str) -> None:
    """Loopback, too: other ports there are the app's own business."""
    assert forbidden((address, 80), {("127.0.0.1", 3128)}) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.0.0.5"])
def test_e04_the_proxy_does_not_call_itself(address: str) -> None:
    """It would go round in circles."""
    own = {("127.0.0.1", 3128), ("10.0.0.5", 3128)}
    assert forbidden((address, 3128), own)
    assert not forbidden((address, 3129), own)


@pytest.mark.parametrize(
    ("preferred", "tried"),
    [
        (["::1", "::1", "127.0.0.1"], ("::1", "127.0.0.1")),
        (["::1", "::2", "10.0.0.1", "10.0.0.2", "10.0.0.3"], ("::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3")),
        (["10.0.0.1", "10.0.0.2", "::1"], ("10.0.0.1", "::1", "10.0.0.2")),
        (["10.0.0.1"], ("10.0.0.1",)),
    ],
)
def test_both_families_of_addresses_have_their_turn(preferred: list[str], tried: tuple[str, ...]) -> None:
    """RFC 8305 section 4: one of the two may lead nowhere."""
    assert families_in_turn(preferred) == tried


def test_fixed_addresses_are_read_from_lines() -> None:
    """With comments and empty lines between them; later lines win."""
    text = "# comment\n\nOrders.shop.svc:80 127.0.0.1:8081\na:1\t[::1]:2\r\na:1 127.0.0.1:3"
    assert parse_connect_to(text) == {("orders.shop.svc", 80): ("127.0.0.1", 8081), ("a", 1): ("127.0.0.1", 3)}


@pytest.mark.parametrize(
    "line",
    [
        "a:80",
        "a 127.0.0.1:80",
        "a:80 b:80",
        "a:80 999.0.0.1:80",
        "a:80 1.2.3.4",
        "a:80 ::1",
        "a:80 1.2.3.4:65536",
        "a:0 1.2.3.4:1",
    ],
)
def test_lines_that_are_none_are_refused(line: str) -> None:
    """With what was wanted."""
    with pytest.raises(ValueError):
        parse_connect_to(f"ok:1 127.0.0.1:1\n{line}")


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never anything else."""
    try:
        known = parse_connect_to(text)
    except ValueError:
        return
    assert all(host == host.lower() for host, _ in known)


def connects(authority: bytes, *lines: bytes) -> Destination:
    request = to(authority, *lines, target=authority, method=b"CONNECT")
    return to_connect(request, frozenset({443, 8443}), "shop")


@pytest.mark.parametrize(
    ("authority", "goal"),
    [
        (b"example.org:443", ("example.org", 443)),
        (b"orders:8443", ("orders.shop.svc", 8443)),
        (b"10.0.0.1:443", ("10.0.0.1", 443)),
        (b"[2001:db8::1]:443", ("2001:db8::1", 443)),
    ],
)
def test_connect_leads_to_listed_ports_without_a_token(authority: bytes, goal: tuple[str, int]) -> None:
    """Whatever the host is: what travels there is not ours to sign."""
    assert connects(authority) == Destination(*goal, "")


@pytest.mark.parametrize(
    ("authority", "lines", "code"),
    [
        (b"example.org:22", [], "forbidden_destination"),
        (b"example.org:80", [], "forbidden_destination"),
        (b"a..b:443", [], "bad_host"),
        (b"example.org:443", [b"Content-Length: 3"], "bad_framing"),
        (b"example.org:443", [b"Transfer-Encoding: chunked"], "bad_framing"),
    ],
)
def test_m04_any_other_connect_is_refused(authority: bytes, lines: list[bytes], code: str) -> None:
    """Another port, no host, or a body, of which nobody knows where the tunnel begins."""
    with pytest.raises(Refused) as refused:
        connects(authority, *lines)
    assert refused.value.refusal.code == code


def test_e05_the_apps_own_credentials_may_take_the_place_of_the_token() -> None:
    """Where the setting says so, they go, and the token does not; without any the token goes as ever."""
    own = to(b"orders", b"Authorization: Basic own")
    assert destination(own, SHARED, "shop", keep_own=True).audience == ""
    assert destination(to(b"orders"), SHARED, "shop", keep_own=True).audience == "aegis"
