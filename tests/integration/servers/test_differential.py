"""The same mutants to our proxy, to nginx and to HAProxy: what reaches our app would reach that of one of them."""

from collections.abc import Callable, Iterator

import pytest

from mutation.differential import contest
from mutation.judged import unexplained
from mutation.messages import REQUESTS
from mutation.operators import mutant

pytestmark = pytest.mark.servers

Judge = Callable[[bytes], tuple[str, list[str]]]
# About two minutes in all. Other numbers than those of the long run, which docs/security.md tells of.
FIRST, BATCH, BATCHES = 10_000_000, 5_000, 8


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with contest() as made:
        yield made


@pytest.mark.parametrize("message", REQUESTS)
def test_the_seeds_pass_everywhere(judge: Judge, message: bytes) -> None:
    """What our app gets, an app behind a peer would get."""
    verdict, found = judge(message)
    assert "200" in verdict
    assert found == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_mutant_is_a_finding(judge: Judge, batch: int) -> None:
    """What our app sees is what was judged, and at least one peer sends the same on."""
    found = {}
    for seed in range(FIRST + batch * BATCH, FIRST + (batch + 1) * BATCH):
        message = mutant(REQUESTS, seed)
        if bad := unexplained(judge(message)[1], message):
            found[seed] = bad
    assert found == {}
