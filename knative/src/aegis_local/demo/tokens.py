"""The demo's credentials, and the proof that no log holds one."""

from collections.abc import Iterable, Iterator
from pathlib import Path

# The last part of a JWT is its signature: with it a token can be used, without it it cannot.
_SHORTEST = 16


def credentials_in(folder: Path) -> Iterator[bytes]:
    """The content of every token file below a folder of pods' volumes."""
    for path in folder.rglob("volumes/**/*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes().strip()
            if content.count(b".") == 2 and b" " not in content and content.startswith(b"ey"):
                yield content


def needles(credentials: Iterable[bytes]) -> set[bytes]:
    """What must not stand in a log: the signature of each JWT, or the whole of any other credential."""
    return {found for found in (one.rpartition(b".")[2] for one in credentials) if len(found) >= _SHORTEST}


def leaks(logs: Iterable[Path], wanted: set[bytes]) -> list[str]:
    """The names of the logs that hold one of `wanted`."""
    return [path.name for path in logs if any(needle in path.read_bytes() for needle in wanted)]
