"""Cuts a stream of bytes into lines."""


class LineTooLong(Exception):  # named by what came
    """A line is longer than anything that was expected."""


class LineSplitter:
    """Gives whole lines only: what is cut off at the end of a stream is no line. Holds at most `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends. Raises LineTooLong."""
        *ends, rest = data.split(b"\n")
        lines = []
        for end in ends:
            self._hold(end)
            lines.append(b"".join(self._parts))
            self._parts, self._held = [], 0
        self._hold(rest)
        return [line for line in lines if line.strip()]

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > self._longest:
            raise LineTooLong(f"a line of more than {self._longest} bytes")
        if part:
            self._parts.append(part)
