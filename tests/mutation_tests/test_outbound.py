"""Requests of an app as mutants, through the egress port in memory: the oracle holds, and can tell when it does not."""

from collections.abc import Iterator

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core import egress as core_egress
from aegis_proxy.shell import egress
from mutation.judged import unexplained
from mutation.memory import TOKEN, MemoryProxy, Outcome
from mutation.messages import OUTBOUND
from mutation.operators import OPERATORS, apply
from mutation.origin import Seen
from mutation.outbound import NAMES, OWN, Address, outbound_findings, outbound_proxy
from mutation.run import outbound_verdict, run

MUTANTS = st.builds(
    apply,
    st.sampled_from(OUTBOUND),
    st.lists(st.tuples(st.sampled_from(OPERATORS), st.integers(0, 2**32 - 1)), max_size=5),
)


@pytest.fixture(scope="module")
def proxy() -> Iterator[MemoryProxy]:
    with outbound_proxy() as made:
        yield made


@pytest.mark.parametrize("message", OUTBOUND)
def test_the_seeds_pass(proxy: MemoryProxy, message: bytes) -> None:
    """As the names and the rule have it, and without a finding."""
    assert outbound_verdict(proxy, message, 1)[1] == []


def test_the_seeds_show_all_that_can_happen(proxy: MemoryProxy) -> None:
    """With the token, with the app's own, with neither; tunnelled; refused for each reason."""
    outcomes = [proxy.ask(message) for message in OUTBOUND]
    credentials = {value for outcome in outcomes for seen in outcome.seen for value in seen.values(b"authorization")}
    assert credentials == {b"Bearer " + TOKEN, OWN}
    assert {status for outcome in outcomes for status in outcome.statuses} == {200, 400, 403, 503}
    assert [outcome.tunnels for outcome in outcomes if outcome.tunnels] == [
        ((("10.0.0.6", 443), b"\x16\x03\x01 client hello"),),
        ((("10.0.0.1", 443), OUTBOUND[-5].partition(b"\r\n\r\n")[2]),),
        ((("10.0.0.9", 443), b"tunnelled"),),
        ((("::1", 443), b""),),
    ]


@given(message=MUTANTS, seed=st.integers(0, 2**16))
@settings(max_examples=300)
def test_e01_no_request_of_an_app_breaks_the_oracle(proxy: MemoryProxy, message: bytes, seed: int) -> None:
    """Whatever the bytes and the pieces they come in."""
    assert unexplained(outbound_verdict(proxy, message, seed)[1], message) == []


def test_e01_a_run_finds_nothing() -> None:
    """The run that CI makes on every change, on mutants that never change."""
    said: list[str] = []
    assert run("outbound", 0, 2000, report=said.append) == 0
    assert said[-2].startswith("outbound: 2000 mutants from seed 0")


def verdicts(proxy: MemoryProxy, message: bytes) -> str:
    return " ".join(outbound_verdict(proxy, message, 1)[1])


def test_a_token_for_a_stranger_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """E01: a leak guard that compares by prefix."""
    monkeypatch.setattr(core_egress, "_audience", lambda host, _: "aegis" if host.startswith("orders") else "")
    with outbound_proxy() as proxy:
        assert "E01: orders.shop.svc.evil.example got the token" in verdicts(proxy, OUTBOUND[4])


def test_an_address_that_nobody_may_call_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """E03: a proxy that does not look at addresses."""
    monkeypatch.setattr(egress, "forbidden", lambda *_: "")
    for message in (OUTBOUND[8], OUTBOUND[9], OUTBOUND[10], OUTBOUND[11]):
        assert "E03: a request went to" in verdicts(proxy, message)
    assert "E02: a tunnel to ('169.254.169.254', 443)" in verdicts(proxy, OUTBOUND[-2])


GOOD = Seen(b"GET", b"/", (b"Host: billing",), b"")
ANSWERED = b"HTTP/1.1 200 OK\r\nX-Number: 1\r\n\r\n"
BILLING = (NAMES["billing.shop.svc"][0], 80)


def arrived(address: Address = BILLING, lines: tuple[bytes, ...] = GOOD.lines, target: bytes = b"/") -> Outcome:
    seen = Seen(b"GET", target, lines, b"")
    return Outcome((seen,), (target,), ANSWERED, True, addresses=(address,))


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (arrived(("10.0.0.1", 80)), "E02: a request for billing.shop.svc:80 went to ('10.0.0.1', 80)"),
        (arrived((BILLING[0], 81)), "E02: a request for billing.shop.svc:80 went to"),
        (arrived(lines=(b"Host: billing", b"Host: b")), "2 Host fields"),
        (arrived(lines=(*GOOD.lines, b"Authorization: Bearer " + TOKEN)), "E01: billing.shop.svc got the token"),
        (arrived(lines=(*GOOD.lines, b"X: " + TOKEN)), "E01: the token stands somewhere else"),
        (arrived(lines=(*GOOD.lines, b"Authorization: a", b"Authorization: b")), "E05: two"),
        (arrived(("10.0.0.1", 80), (b"Host: orders",)), "E01: orders.shop.svc got the token, or not"),
        (arrived(("10.0.0.7", 80), (b"Host: partner.example",)), "E02: a token left the cluster"),
        (arrived(target=b"http://b/"), "the target b'http://b/'"),
        (arrived(target=b"*"), "the target b'*'"),
        (arrived(lines=(*GOOD.lines, b"X_Aegis-Identity: x")), "a field of ours"),
        (arrived(lines=(*GOOD.lines, b"Keep-Alive: 5")), "hop-by-hop"),
        (arrived(("169.254.1.1", 80), (b"Host: 169.254.1.1",)), "E03"),
        (arrived(("::ffff:a9fe:101", 80), (b"Host: [::ffff:169.254.1.1]",)), "E03"),
        (arrived(("fd00:ec2::254", 80), (b"Host: [fd00:ec2::254]",)), "E03"),
        (arrived(("127.0.0.9", 3128), (b"Host: 127.0.0.9:3128",)), "E03"),
        (evolve(arrived(), tunnels=((("10.0.0.1", 80), b""),)), "E02: a tunnel to ('10.0.0.1', 80)"),
        (evolve(arrived(), tunnels=((("10.0.0.1", 443), b"other"),)), "E02: a tunnel carried other bytes"),
        (evolve(arrived(), closed=False), "O3: the connection stayed open"),
        (evolve(arrived(), answered=b"HTTP/1.1 302 Found\r\n\r\n"), "the status 302"),
    ],
)
def test_what_is_wrong_is_named(outcome: Outcome, text: str) -> None:
    """Each check can fail."""
    assert list(outbound_findings(arrived(), b"")) == []
    assert text in " ".join(outbound_findings(outcome, b""))
