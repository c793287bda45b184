import pytest

from bench.processes import BenchError
from bench.unary import ANSWER, read_h2load

PRINTED = """\
starting benchmark...
spawning thread #0: 4 total client(s).
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 4.00s, 2446.25 req/s, 2.43MB/s
requests: 9785 total, 9817 started, 9785 done, {succeeded} succeeded, {failed} failed, {failed} errored, 0 timeout
status codes: 9785 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 9.73MB (10202381) total, 39.42KB (40366) headers (space savings 92.51%), 9.60MB ({data}) data
                     min         max         mean         sd        +/- sd
time for request:      972us     92.99ms     13.06ms     14.86ms    92.43%
"""
LOG = "".join(f"1795390048000000\t200\t{number * 1000}\n" for number in range(1, 101))
GOOD = {"succeeded": 9785, "failed": 0, "data": 9785 * len(ANSWER)}


def test_h2load_is_read() -> None:
    """Calls, their rate, and latencies in milliseconds out of its log."""
    done = read_h2load(PRINTED.format(**GOOD), LOG)
    assert (done.units, done.rate, done.p50, done.p99) == (9785, 2446.25, 51.0, 100.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"succeeded": 9784}, "good answers only"),
        ({"failed": 1}, "good answers only"),
        ({"data": 9784 * len(ANSWER)}, "not the message of each"),
    ],
)
def test_bad_answers_are_no_measurement(change: dict[str, int], says: str) -> None:
    """A refused gRPC call has the status 200: its missing message tells."""
    with pytest.raises(BenchError, match=says):
        read_h2load(PRINTED.format(**{**GOOD, **change}), LOG)


@pytest.mark.parametrize("text", ["", PRINTED.format(**GOOD).replace("9785 done", "0 done")])
def test_anything_else_is_refused(text: str) -> None:
    """What h2load prints is read whole or not at all."""
    with pytest.raises(BenchError, match="not expected"):
        read_h2load(text, LOG)
