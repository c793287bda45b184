"""Requests without a pause, from several threads, until the block ends."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Self

from support.waiting import eventually

_THREADS = 2


class Traffic:
    """`with Traffic(send) as traffic:` calls `send` again and again; `answers` counts what it returned.

    What it raised counts by its name.
    """

    def __init__(self, send: Callable[[], int]) -> None:
        self.answers: Counter[int | str] = Counter()
        self._send = send
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(_THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def more(self, number: int = 20) -> None:
        """Waits until that many more requests were answered."""
        wanted = self.answers.total() + number
        eventually(lambda: self.answers.total() >= wanted, 300)

    def _run(self) -> None:
        while not self._over.is_set():
            answer: int | str
            try:
                answer = self._send()
            except Exception as error:  # noqa: BLE001  # whatever it is, the request was not served
                answer = f"{type(error).__name__}: {error}"
            with self._lock:
                self.answers[answer] += 1
