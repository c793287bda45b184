"""Eventual consistency, counted in requests."""

from aegis_idp_fakes.propagation import Propagation


def test_what_is_made_is_there_at_once_by_default() -> None:
    """A test says when it is not."""
    there = Propagation()
    assert there.reached(there.birth())


def test_what_is_made_is_there_after_so_many_requests() -> None:
    """Each of them does not see it yet."""
    later = Propagation(delay=2)
    later.step()
    born = later.birth()
    seen = []
    for _ in range(4):
        later.step()
        seen.append(later.reached(born))
    assert seen == [False, False, True, True]
