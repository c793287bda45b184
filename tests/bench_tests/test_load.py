import pytest

from bench.load import app_script, read_wrk, whole_length, wrk_script
from bench.processes import BenchError

PRINTED = """\
Running 4s test @ http://127.0.0.1:9720/p5/orders
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.27ms  345.91us   9.71ms   92.10%
    Req/Sec    25.31k     1.12k   27.01k    75.00%
  Latency Distribution
     50%  {p50}
     75%    1.33ms
     90%    1.52ms
     99%  {p99}
  101234 requests in 4.00s, 117.20MB read
{trouble}Requests/sec:  25291.55
Transfer/sec:     29.28MB
"""


@pytest.mark.parametrize(
    ("p50", "p99", "milliseconds"),
    [
        ("1.22ms", "2.55ms", (1.22, 2.55)),
        ("681.00us", "1.17s", (0.681, 1170.0)),
        ("0.99s ", "1.50m ", (990.0, 90000.0)),
    ],
)
def test_wrk_is_read(p50: str, p99: str, milliseconds: tuple[float, float]) -> None:
    """Requests, their rate, and latencies in milliseconds, whatever unit wrk chose for each."""
    done = read_wrk(PRINTED.format(p50=p50, p99=p99, trouble=""))
    assert (done.units, done.rate) == (101234, 25291.55)
    assert (done.p50, done.p99) == pytest.approx(milliseconds)


@pytest.mark.parametrize(
    "trouble",
    ["  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"],
)
def test_bad_answers_are_no_measurement(trouble: str) -> None:
    """A refusal is cheaper than an answer from the app, so a run with one says nothing."""
    with pytest.raises(BenchError, match=trouble.strip()):
        read_wrk(PRINTED.format(p50="1ms", p99="2ms", trouble=trouble))


@pytest.mark.parametrize("text", ["", "unable to connect to 127.0.0.1:1", PRINTED.replace("101234", "0")])
def test_anything_else_is_refused(text: str) -> None:
    """What wrk prints is read whole or not at all."""
    with pytest.raises(BenchError, match="not expected"):
        read_wrk(text.format(p50="1ms", p99="2ms", trouble="") if text.startswith("Running") else text)


def test_tokens_come_from_a_file() -> None:
    """The script names the file, so that no token is in a command line or in the script."""
    one, each = (wrk_script("/some/tokens", each_its_own=own) for own in (False, True))
    assert 'io.lines("/some/tokens")' in one
    assert 'io.lines("/some/tokens")' in each


def test_tokens_end_or_come_again() -> None:
    """Fresh ones are used once; those in turn begin anew."""
    once, again = (wrk_script("tokens", each_its_own=True, again=turn) for turn in (False, True))
    assert "wrk.thread:stop()" in once
    assert "wrk.thread:stop()" not in again
    assert "% #requests" in again


def test_an_app_has_no_token() -> None:
    """It names the host, and the proxy does the rest."""
    assert app_script() == 'wrk.headers["Host"] = "orders.shop.svc"\n'


def test_a_static_request_is_left_to_wrk() -> None:
    """Without a function `request` wrk sends prepared bytes and runs no Lua for a request."""
    assert "function request" not in wrk_script("tokens", each_its_own=False)
    assert "function request" in wrk_script("tokens", each_its_own=True)


def test_an_answer_says_how_long_it_is() -> None:
    """Its head and its body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert whole_length(head + b"he") == len(head) + 5


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"]
)
def test_a_refusal_is_no_measurement(answer: bytes) -> None:
    """A refusal is cheaper than an answer from the app."""
    with pytest.raises(BenchError, match="wanted 200 with its length"):
        whole_length(answer)
