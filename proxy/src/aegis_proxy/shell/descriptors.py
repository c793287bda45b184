"""Open files of the process: each connection is one, and each request one more."""

import resource
from pathlib import Path

_ENOUGH = 1 << 20
# A client and its upstream, on the way in and on the way out.
_EACH = 4
# Listeners, the watch, the provider, the admin port, files that are read.
_OTHERS = 512


def raise_limit() -> int:
    """Takes as many open files as the system lets this process have; gives how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS says infinity and means less
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    return wanted


def affordable(connections: int, files: int) -> int:
    """How many of the wanted connections each listener can have, of so many open files."""
    return max(1, min(connections, (files - _OTHERS) // _EACH))


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())
