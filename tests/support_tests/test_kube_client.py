"""The client of the tests takes no "not yet" for an answer."""

from collections.abc import Iterator

import pytest

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from support.kube_client import KubeClient

NOT_YET = Answer(429, b"{}", {"content-type": "application/json", "retry-after": "0"})
THROTTLED = Answer(429, b"{}", {"content-type": "application/json"})
WATCHED = Answer(200, b'{"type":"ADDED"}\n', {"content-type": "application/json"})


def answering(*answers: Answer) -> LoopbackServer:
    """A server that gives these in turn."""
    left: Iterator[Answer] = iter(answers)

    def answer(_: Received) -> Answer:
        return next(left)

    return LoopbackServer(answer)


def test_a_watch_and_a_call_wait_for_a_cache() -> None:
    """Where the API server says when to come again."""
    with answering(NOT_YET, NOT_YET, WATCHED, NOT_YET, Answer.json(200, {})) as server:
        with KubeClient(server.url).watch("/api/v1/pods") as events:
            assert list(events) == [{"type": "ADDED"}]
        assert KubeClient(server.url).get("/api/v1/pods").status == 200


def test_other_answers_are_shown_as_they_are() -> None:
    """A 429 without a time, as an eviction has it, is one of them."""
    with answering(THROTTLED, THROTTLED) as server:
        assert KubeClient(server.url).get("/api/v1/pods").status == 429
        with pytest.raises(AssertionError, match="answered 429"), KubeClient(server.url).watch("/api/v1/pods"):
            pass
