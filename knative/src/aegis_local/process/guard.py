"""Kill every process group that is left when the owner of standard input is gone.

A line `+PID` names a group that started, `-PID` one that ended. The pipe ends with its last writer, so this works for a
crash and for SIGKILL as well, on every Unix.
"""

import os
import signal
import sys
from collections.abc import Iterable


def left(lines: Iterable[str]) -> set[int]:
    """The groups that started and did not end."""
    groups: set[int] = set()
    for line in lines:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        elif line.startswith("-"):
            groups.discard(int(line[1:]))
    return groups


def kill(groups: Iterable[int]) -> None:
    for group in groups:
        if group == os.getpid():
            continue
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # gone already; macOS says EPERM of a group of zombies
            continue


if __name__ == "__main__":
    kill(left(sys.stdin))
