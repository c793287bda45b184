"""An API server whose every answer the test gives, in virtual time."""

import json
from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred

from aegis_proxy.core.listing_words import Target
from support.listings import line, list_document


@define(eq=False)
class ScriptedAnswer:
    """What `aegis_proxy.shell.dial.Answer` is on a real connection."""

    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    body: bytes = b""
    aborted: bool = False
    _receive: Callable[[bytes], None] | None = None
    _finished: "Deferred[None] | None" = None

    async def read(self, most: int) -> bytes:
        return self.body

    def stream(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        self._receive = receive
        self._finished = Deferred(lambda _: self.abort())
        return self._finished

    def abort(self) -> None:
        self.aborted = True

    def send(self, data: bytes) -> None:
        assert self._receive is not None
        self._receive(data)

    def event(self, kind: str, document: object) -> None:
        self.send(line(kind, document) + b"\n")

    def end(self) -> None:
        assert self._finished is not None
        self._finished.callback(None)

    def cut(self) -> None:
        assert self._finished is not None
        self._finished.errback(ConnectionResetError("reset by peer"))


@define(eq=False)
class Asked:
    """One request that waits for its answer. `version` is None for a list."""

    target: Target
    version: str | None
    answer: "Deferred[ScriptedAnswer]"

    def listed(self, version: int, *items: object) -> None:
        self.answer.callback(
            ScriptedAnswer(body=json.dumps(list_document(version, *items, kind=self.target.kind)).encode())
        )

    def refused(self, status: int, **headers: str) -> ScriptedAnswer:
        answer = ScriptedAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()})
        self.answer.callback(answer)
        return answer

    def opened(self) -> ScriptedAnswer:
        answer = ScriptedAnswer()
        self.answer.callback(answer)
        return answer

    def unreachable(self) -> None:
        self.answer.errback(ConnectionRefusedError("connection refused"))


class ScriptedApi:
    """`waiting` are the requests that have no answer yet; `history` all of them, as `list KIND` and `watch KIND RV`."""

    def __init__(self) -> None:
        self.waiting: list[Asked] = []
        self.history: list[str] = []
        self.rereads = 0

    def reread_credentials(self) -> None:
        self.rereads += 1

    async def list(self, target: Target) -> ScriptedAnswer:
        self.history.append(f"list {target.kind}")
        return await self._ask(target, None)

    async def watch(self, target: Target, resource_version: str, seconds: int) -> ScriptedAnswer:
        self.history.append(f"watch {target.kind} {resource_version}")
        return await self._ask(target, resource_version)

    def _ask(self, target: Target, version: str | None) -> "Deferred[ScriptedAnswer]":
        asked = Asked(
            target, version, Deferred(lambda _: self.waiting.remove(asked) if asked in self.waiting else None)
        )
        self.waiting.append(asked)
        return asked.answer

    def next(self, kind: str = "IngressPolicy") -> Asked:
        """Takes the oldest request for a kind that waits."""
        for asked in self.waiting:
            if asked.target.kind == kind:
                self.waiting.remove(asked)
                return asked
        raise AssertionError(f"nobody asks for {kind}; asked were {self.history}")
