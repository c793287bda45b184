"""The mutation operators, which must be worth the time that is spent on them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutation.messages import REQUESTS, RESPONSES
from mutation.operators import MOST, OPERATORS, Operator, apply, mutant, steps

operators = pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)


@operators
@given(data=st.binary(max_size=60), seed=st.integers(0, 2**32 - 1))
def test_an_operator_takes_any_bytes(operator: Operator, data: bytes, seed: int) -> None:
    """A mutant of a mutant may have no line, no number and no byte left; the seed alone decides what comes of it."""
    assert operator(data, Random(seed)) == operator(data, Random(seed))


@operators
def test_an_operator_changes_something(operator: Operator) -> None:
    """Most of the time, and not always in the same way."""
    made = {operator(message, Random(seed)) for message in REQUESTS for seed in range(20)}
    assert len(made - set(REQUESTS)) > 40


def test_a_mutant_is_told_by_its_number() -> None:
    """A finding is seen again on another machine, so these values may change only with the operators."""
    assert mutant(REQUESTS, 0) == mutant(REQUESTS, 0)
    assert len({mutant(RESPONSES, seed) for seed in range(500)}) > 400
    assert apply(b"GET", []) == b"GET"


def test_mutants_stay_small() -> None:
    """However often their seed is doubled."""
    doubled = [(operator, seed) for operator in OPERATORS if operator.__name__ == "repeat" for seed in range(40)]
    assert len(apply(REQUESTS[0] * 10, doubled)) == MOST
    assert {len(steps(seed)) for seed in range(300)} == {1, 2, 3, 4}
