"""Requests as mutants, through the proxy in memory: the oracle O1 to O5 holds, and can tell when it does not."""

from collections.abc import Iterator

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core import fields, rules
from aegis_proxy.core import ingress as core_ingress
from aegis_proxy.core import request as core_request
from mutation.judged import unexplained
from mutation.memory import TOKEN, MemoryProxy, Outcome, memory_proxy
from mutation.messages import REQUESTS, with_token
from mutation.operators import OPERATORS, apply
from mutation.oracle import allowed, findings, is_canonical, same
from mutation.origin import Crooked, Seen
from mutation.run import request_verdict, run

MUTANTS = st.builds(
    apply,
    st.sampled_from(REQUESTS),
    st.lists(st.tuples(st.sampled_from(OPERATORS), st.integers(0, 2**32 - 1)), max_size=5),
)


@pytest.fixture(scope="module")
def proxy() -> Iterator[MemoryProxy]:
    with memory_proxy() as made:
        yield made


@pytest.mark.parametrize("message", REQUESTS)
def test_the_seeds_pass(proxy: MemoryProxy, message: bytes) -> None:
    """A mutant of what is refused anyway would test little."""
    outcome = proxy.ask(with_token(message, TOKEN))
    assert outcome.seen
    assert 200 in outcome.statuses
    assert request_verdict(proxy, message, 0)[1] == []


@given(message=MUTANTS, seed=st.integers(0, 2**16))
@settings(max_examples=400)
def test_p40_no_request_breaks_the_oracle(proxy: MemoryProxy, message: bytes, seed: int) -> None:
    """Whatever the bytes and the pieces they come in; a counterexample shrinks to few operators."""
    assert unexplained(request_verdict(proxy, message, seed)[1], message) == []


def test_p40_a_run_finds_nothing() -> None:
    """The run that CI makes on every change, on mutants that never change; longer ones stand in docs/security.md."""
    said: list[str] = []
    assert run("requests", 0, 2000, report=said.append) == 0
    assert said[-2].startswith("requests: 2000 mutants from seed 0")


def verdicts(proxy: MemoryProxy, message: bytes) -> str:
    return " ".join(request_verdict(proxy, message, 1)[1])


def test_a_target_that_was_not_judged_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """O2: a proxy that does not canonicalise."""
    monkeypatch.setattr(core_request, "canonical_path", lambda path, **_: path)
    get = REQUESTS[0].replace(b"/public", b"/public/../admin")
    assert "has more than one reading" in verdicts(proxy, get)


def test_a_request_that_policy_does_not_allow_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """O1: a proxy whose rules compare by prefix of bytes."""
    monkeypatch.setattr(rules._Paths, "find", lambda self, path, caller: rules.Grant("p", "r"))
    assert "is not what policy allows" in verdicts(proxy, REQUESTS[0].replace(b"/public", b"/admin"))


def test_a_field_that_should_not_pass_is_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """H09: a proxy that lets a caller name itself."""
    monkeypatch.setattr(
        proxy._side, "role_of", lambda name: fields.PASS if name[:2] == b"X-" else fields.ingress_role(name)
    )
    message = REQUESTS[0].replace(b"Host:", b"X-Aegis-Identity: admin\r\nHost:")
    assert "x-aegis-identity" in verdicts(proxy, message)


def test_two_framings_are_found(proxy: MemoryProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """F01: what the app is sent is read strictly."""
    real = core_ingress.framing_of
    monkeypatch.setattr(core_ingress, "framing_of", lambda request: b"Content-Length: 3\r\n" + real(request))
    assert "more than one framing" in verdicts(proxy, REQUESTS[13])


GOOD = Outcome((), (), b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", True)
SEEN = Seen(b"GET", b"/healthz", (b"Host: a", b"X-Forwarded-For: 10.0.0.9"), b"")


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (evolve(GOOD, closed=False), "O3: the connection stayed open"),
        (evolve(GOOD, after_close=True), "O3: bytes behind"),
        (evolve(GOOD, left_open=1), "O1: a request that never became whole"),
        (evolve(GOOD, answered=GOOD.answered * 2), "O3: an answer behind the 400"),
        (evolve(GOOD, answered=b"HTTP/1.1 302 Found\r\n\r\n"), "the status 302"),
        (evolve(GOOD, seen=(SEEN,)), "O2: the app saw another target"),
        (evolve(GOOD, seen=(SEEN,), targets=(b"/healthz",)), "O1: the client got the answers [] to 1 requests"),
        (evolve(GOOD, targets=(b"/healthz", b"/healthz")), "O1: more requests passed"),
    ],
)
def test_what_is_wrong_is_named(outcome: Outcome, text: str) -> None:
    """Each check can fail."""
    assert list(findings(GOOD)) == []
    assert text in " ".join(findings(outcome))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ((b"Authorization: x",), "the app got the token"),
        ((b"Host: b",), "no Host, or two"),
        ((b"X-Forwarded-For: 1.2.3.4",), "X-Forwarded-For is not ours"),
        ((b"X_Aegis-Proxy: 1",), "x_aegis-proxy"),
        ((b"Keep-Alive: 5",), "hop-by-hop"),
        ((b"TE: chunked",), "another TE"),
    ],
)
def test_lines_that_the_app_must_not_see_are_named(lines: tuple[bytes, ...], text: str) -> None:
    """One by one."""
    answered = b"HTTP/1.1 200 OK\r\nX-Number: 1\r\n\r\n"
    seen = Seen(SEEN.method, SEEN.target, (*SEEN.lines, *lines), b"")
    assert text in " ".join(findings(Outcome((seen,), (b"/healthz",), answered, True)))


def test_a_result_that_hangs_on_the_pieces_is_found() -> None:
    """O5, with the one difference that is ours: a refused body that comes late ends the connection."""
    refused = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    closing = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"
    passed = evolve(GOOD, answered=b"HTTP/1.1 200 OK\r\n\r\n", seen=(SEEN,))
    other = evolve(passed, seen=(Seen(SEEN.method, SEEN.target, (b"Host: b",), b""),))
    assert same(passed, passed)
    assert not same(passed, other)
    assert not same(passed, GOOD)
    assert same(evolve(GOOD, answered=refused * 2), evolve(GOOD, answered=closing))
    assert not same(evolve(GOOD, answered=refused * 2), evolve(GOOD, answered=refused))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        (b"GET", b"/public", True), (b"POST", b"/public/x;y=1", True), (b"PUT", b"/public", False),
        (b"GET", b"/publicity", False), (b"GET", b"/public;x", False), (b"GET", b"/raw/a%2Fb", True),
        (b"GET", b"/public/a%2Fb", False), (b"GET", b"/healthz", True), (b"GET", b"/healthz/", False),
        (b"OPTIONS", b"*", True), (b"GET", b"*", False),
    ],
)  # fmt: skip
def test_the_oracle_knows_the_policy(method: bytes, path: bytes, expected: bool) -> None:
    """In words of its own."""
    assert allowed(method, path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/", True), (b"/a/b/", True), (b"/a%2Fb", True), (b"/caf%C3%A9;v=1", True), (b"/...", True),
        (b"//", False), (b"/a/../b", False), (b"/a/.", False), (b"/%41", False), (b"/%2f", False), (b"/%5C", False),
        (b"/%00", False), (b"/%C3", False), (b"/%2541", False), (b"/a%2F..", False), (b"/..;x", False), (b"a", False),
        (b"/a b", False), (b"/;x", False),
    ],
)  # fmt: skip
def test_the_oracle_knows_canonical_paths(path: bytes, expected: bool) -> None:
    """In words of its own."""
    assert is_canonical(path) is expected


def test_a_token_in_the_log_ends_a_run() -> None:
    """O4."""
    with pytest.raises(Crooked, match="the log holds"), memory_proxy() as proxy:
        proxy.log.log.info("refused", detail="Bearer x")


def test_a_defect_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """O4: no exception of the proxy is swallowed."""
    monkeypatch.setattr(core_ingress, "framing_of", lambda request: 1 / 0)
    with memory_proxy() as proxy, pytest.raises(ZeroDivisionError):
        proxy.ask(with_token(REQUESTS[0], TOKEN))
