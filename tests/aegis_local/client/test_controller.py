"""Work on what changed."""

from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from aegis_local.client.controller import Controller
from aegis_local.client.errors import ApiUnreachable
from aegis_local.client.resources import Key
from aegis_local.reactors import Reactor

A, B = Key("n", "a"), Key("n", "b")


def test_each_key_is_worked_on_once_for_all_its_wakings() -> None:
    """One after the other, in the order of their waking."""
    seen: list[Key] = []

    async def work(key: Key) -> None:
        seen.append(key)

    controller = Controller(cast(Reactor, Clock()), "test", work)
    controller.wake_all([B, A, B])
    running = Deferred.fromCoroutine(controller.run())
    assert seen == [B, A]
    controller.wake(A)
    assert seen == [B, A, A]
    running.addErrback(lambda _: None)
    running.cancel()
    controller.wake(B)
    assert seen == [B, A, A]


def test_what_is_woken_meanwhile_is_worked_on_again() -> None:
    """A change during the work is not lost."""
    seen: list[Key] = []
    waits: list[Deferred[None]] = []

    async def work(key: Key) -> None:
        seen.append(key)
        waits.append(Deferred())
        await waits[-1]

    controller = Controller(cast(Reactor, Clock()), "test", work)
    controller.wake(A)
    Deferred.fromCoroutine(controller.run()).addErrback(lambda _: None)
    controller.wake(A)
    assert seen == [A]
    waits[0].callback(None)
    assert seen == [A, A]


def test_a_failure_is_tried_again_after_growing_delays() -> None:
    """Of the API and of the work itself; others go on meanwhile, and a success resets the delay."""
    clock, seen = Clock(), list[Key]()
    failing = [ApiUnreachable("away"), KeyError("defect"), None, ApiUnreachable("away"), None]

    async def work(key: Key) -> None:
        seen.append(key)
        if key == A and (error := failing.pop(0)):
            raise error

    controller = Controller(cast(Reactor, clock), "test", work)
    controller.wake_all([A, B])
    Deferred.fromCoroutine(controller.run()).addErrback(lambda _: None)
    assert seen == [A, B]
    clock.advance(0.1)
    assert seen == [A, B, A]
    clock.advance(0.1)
    assert seen == [A, B, A]
    clock.advance(0.1)
    assert seen == [A, B, A, A]
    controller.wake(A)
    clock.advance(0.1)
    assert seen == [A, B, A, A, A, A]
