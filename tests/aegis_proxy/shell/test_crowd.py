from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.shell.crowd import INFINITE, Crowd


@define(eq=False)
class Someone:
    idle_since: float

    def evict(self) -> None:
        self.idle_since = INFINITE


def test_up_to_the_most_all_are_welcome() -> None:
    """Nobody has to go."""
    crowd, idle = Crowd(2), [Someone(1.0)]
    crowd.came()
    assert crowd.admits(idle)
    assert (idle[0].idle_since, crowd.evicted) == (1.0, 0)


def test_d03_those_who_were_idle_for_longest_go_together() -> None:
    """A sixty-fourth at once, so that a flood does not cost a look at all for each; they count as gone."""
    crowd = Crowd(128)
    everyone = [Someone(float(number)) for number in range(128)]
    for _ in everyone:
        crowd.came()
    assert crowd.admits(everyone)
    assert [each for each in everyone if each.idle_since == INFINITE] == everyone[:2]
    crowd.came()
    assert crowd.admits(everyone)
    crowd.came()
    assert (crowd.evicted, crowd.sockets) == (2, 130)
    assert crowd.admits(everyone)
    assert crowd.evicted == 4


def test_d03_nobody_who_is_busy_goes() -> None:
    """The one who comes is turned away instead, until somebody has left."""
    told: list[int] = []
    crowd, busy = Crowd(1, lambda crowd: told.append(crowd.turned_away)), [Someone(INFINITE)]
    crowd.came()
    assert not crowd.admits(busy)
    assert told == [1]
    crowd.left()
    assert crowd.admits(busy)
    assert (crowd.evicted, crowd.turned_away) == (0, 1)


@given(st.lists(st.sampled_from(["come", "leave", "idle", "busy"]), max_size=300), st.integers(1, 5))
def test_there_are_never_more_than_the_most_and_those_who_leave(steps: list[str], most: int) -> None:
    """Whatever happens: of those that are not on their way out, there are never too many."""
    crowd, inside, number = Crowd(most), list[Someone](), 0.0
    for step in steps:
        number += 1
        if step == "come" and crowd.admits(inside):
            crowd.came()
            inside.append(Someone(INFINITE))
        elif step == "leave" and inside:
            inside.pop(0)
            crowd.left()
        elif inside:
            inside[-1].idle_since = number if step == "idle" else INFINITE
        gone = crowd.evicted
        assert crowd.sockets == len(inside)
        assert len(inside) <= most + gone
