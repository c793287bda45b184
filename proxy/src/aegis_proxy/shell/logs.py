"""The proxy's log: one JSON object per line, never a credential, never a wait for whoever reads it."""

import json
import os
import select
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import LogEvent
from twisted.logger import LogLevel as TwistedLevel
from twisted.python.failure import Failure

from aegis_idp.redaction import scrub
from aegis_proxy.settings import LogLevel

_RANKS = {level: rank for rank, level in enumerate(LogLevel)}
# What a pipe that polls as writable takes at once without a wait (Linux: PIPE_BUF), and the longest line.
_CHUNK = 4096
_LONGEST_VALUE = 1024
_LONGEST_BACKLOG = 1 << 20
_FLUSH_DELAY, _FULL_DELAY = 0.02, 0.2
# Events of one kind (event and reason) more often than this within the window are counted, not written.
_BURST, _WINDOW = 20, 10.0
_MOST_KINDS = 256
_FRAMES = 8


class Log:
    """Writes to the file descriptor `output`. `wall` is the time in seconds since 1970.

    A reader that does not keep up loses lines: `dropped` counts them, and so does the log once it can be written again.
    """

    def __init__(self, output: int, level: LogLevel, clock: IReactorTime, wall: Callable[[], float]) -> None:
        self.dropped = 0
        self._output = output
        self._rank = _RANKS[level]
        self._clock = clock
        self._wall = wall
        self._lines: deque[bytes] = deque()
        self._held = 0
        self._untold = 0
        self._timer: IDelayedCall | None = None
        self._counts: dict[tuple[str, str], int] = {}
        self._window: IDelayedCall | None = None

    def debug(self, event: str, **fields: object) -> None:
        self._event(LogLevel.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._event(LogLevel.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._event(LogLevel.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._event(LogLevel.ERROR, event, fields)

    def failure(self, event: str, failure: Failure, **fields: object) -> None:
        """An unexpected error, with where it came from. Local variables are never shown: they may hold tokens."""
        frames = [f"{Path(file).name}:{line} {name}" for name, file, line, _, _ in failure.frames[-_FRAMES:]]
        self.error(event, error=failure.getErrorMessage(), type=type(failure.value).__name__, frames=frames, **fields)

    def record(self, fields: Mapping[str, object]) -> None:
        """A line that is written whatever the level and however often, as those of the access log."""
        self._append(self._encoded({"time": self._now(), **fields}))

    def _event(self, level: LogLevel, event: str, fields: Mapping[str, object]) -> None:
        if _RANKS[level] < self._rank:
            return
        if self._within_bounds(event, str(fields.get("reason", ""))):
            self._append(self._encoded({"time": self._now(), "level": level.value, "event": event, **fields}))

    def _within_bounds(self, event: str, reason: str) -> bool:
        kind = event, reason if len(self._counts) < _MOST_KINDS else ""
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._window is None:
            self._window = self._clock.callLater(_WINDOW, self._end_window)
        return count <= _BURST

    def _end_window(self) -> None:
        self._window = None
        self.sum_up()

    def sum_up(self) -> None:
        """Tells what was held back; each kind then has its full measure again."""
        counts, self._counts = self._counts, {}
        for (event, reason), count in counts.items():
            if count > _BURST:
                line = {"event": "suppressed", "level": LogLevel.WARNING.value, "of": event, "reason": reason}
                self.record({**line, "lines": count - _BURST, "seconds": _WINDOW})

    def _now(self) -> str:
        return datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _encoded(self, fields: Mapping[str, object]) -> bytes:
        line = _line(fields)
        if len(line) > _CHUNK:
            kept = {name: fields[name] for name in ("time", "level", "event") if name in fields}
            line = _line({**kept, "truncated": True})
        return line

    def _append(self, line: bytes) -> None:
        if self._held + len(line) > _LONGEST_BACKLOG:
            self.dropped += 1
            self._untold += 1
            return
        self._lines.append(line)
        self._held += len(line)
        if self._timer is None:
            self._timer = self._clock.callLater(_FLUSH_DELAY, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if not self.flush():
            self._timer = self._clock.callLater(_FULL_DELAY, self._on_time)

    def flush(self) -> bool:
        """Writes what can be written without a wait. False if something is left."""
        while self._lines:
            chunk = bytearray()
            while self._lines and len(chunk) + len(self._lines[0]) <= _CHUNK:
                chunk += self._lines.popleft()
            written = self._write(chunk)
            self._held -= written
            if written < len(chunk):
                self._lines.appendleft(bytes(chunk[written:]))
                return False
        if self._untold:
            untold, self._untold = self._untold, 0
            self.warning("log lines dropped", lines=untold)
        return True

    def _write(self, chunk: bytearray) -> int:
        """How many bytes are done with."""
        poll = select.poll()
        poll.register(self._output, select.POLLOUT)
        if not poll.poll(0):
            return 0
        try:
            return os.write(self._output, chunk)
        except BlockingIOError:
            return 0
        except OSError:
            # Nobody reads any more. The proxy goes on without a log.
            self.dropped += chunk.count(b"\n")
            return len(chunk)


def _line(fields: Mapping[str, object]) -> bytes:
    plain = {name: _plain(value) for name, value in fields.items()}
    return scrub(json.dumps(plain, separators=(",", ":"), allow_nan=False)).encode("ascii") + b"\n"


def _plain(value: object) -> object:
    """A value as JSON. What is no plain value shows as its text, which for a Secret is ***."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 6) if abs(value) < 1e15 else str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def twisted_observer(log: Log) -> Callable[[LogEvent], None]:
    """Passes on what Twisted itself reports (errors that nobody handled); its chatter is for debugging."""

    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            log.failure("unhandled error", failure)
        elif event.get("log_level") in (TwistedLevel.warn, TwistedLevel.error, TwistedLevel.critical):
            log.warning("twisted", namespace=event.get("log_namespace"), text=event.get("log_format"))

    return observe
