"""A log of the proxy that a test can read."""

import json
import os
import tempfile
from typing import Any

from twisted.internet.task import Clock

from aegis_proxy.settings import LogLevel
from aegis_proxy.shell.logs import Log
from support.secret_search import search


class ReadableLog:
    """`log` is for the code under test; `events` is what it wrote so far, oldest first."""

    def __init__(self, level: LogLevel = LogLevel.DEBUG, clock: Any = None) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this object, see `close`
        self.log = Log(self._file.fileno(), level, clock or Clock(), lambda: 0.0)

    def text(self) -> str:
        self.log.flush()
        return os.pread(self._file.fileno(), 1 << 24, 0).decode()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def close(self) -> None:
        search("a log", self.text())
        self._file.close()
