"""Resources from a YAML file or folder, read anew when something there changes."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml
from attrs import frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from aegis_api.reading import ParseError
from aegis_api.resources import Resource, parse_resource
from aegis_proxy.core.knowledge import Absent, Held, Key, Pending, Present
from aegis_proxy.shell.logs import Log

_POLL = 1.0
_SUFFIXES = (".yaml", ".yml", ".json")
_LARGEST = 64 << 20

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(Exception):  # named by what is wrong with it
    """A file of resources that cannot be used. Its text names the file, and where it is wrong."""


@frozen
class _Mark:
    """What tells that a file is another one than before, symbolic links (ConfigMap volumes swap them) resolved."""

    path: str
    device: int
    inode: int
    size: int
    modified: int


Marks = tuple[_Mark, ...]


def marks_of(path: Path) -> Marks:
    """The files at `path`: itself, or in a folder those that end in .yaml, .yml or .json. Raises OSError."""
    names = sorted(entry for entry in path.iterdir() if entry.suffix in _SUFFIXES) if path.is_dir() else [path]
    marks = []
    for name in names:
        real = name.resolve(strict=True)
        stat = real.stat()
        marks.append(_Mark(f"{name} {real}", stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(marks)


def load_resources(path: Path, namespace: str) -> Mapping[Key, Resource]:
    """All resources at `path`; those of another namespace are left out. Raises Unreadable, for one bad object too."""
    found: dict[Key, Resource] = {}
    for name, position, document in _documents(path):
        where = f"{name}, document {position}"
        try:
            resource = parse_resource(document, namespace)
        except ParseError as error:
            raise Unreadable(f"{where}: {error}") from None
        metadata = resource.metadata
        if metadata.namespace not in ("", namespace):
            continue
        key = Key(type(resource).__name__, metadata.name)
        if key in found:
            raise Unreadable(f"{where}: got a second {key}, wanted each object once")
        found[key] = resource
    return found


def _documents(path: Path) -> Iterator[tuple[str, int, object]]:
    names = sorted(entry for entry in path.iterdir() if entry.suffix in _SUFFIXES) if path.is_dir() else [path]
    for name in names:
        if name.stat().st_size > _LARGEST:
            raise Unreadable(f"{name}: got a file of more than {_LARGEST} bytes")
        try:
            documents = documents_in(name.read_bytes())
        except ValueError as error:
            raise Unreadable(f"{name}: got no YAML: {error}") from None
        for position, document in enumerate(documents, 1):
            if document is not None:
                yield str(name), position, document


def documents_in(data: bytes) -> list[object]:
    """The YAML documents of a file. Raises ValueError, in one line."""
    try:
        return list(yaml.load_all(data.decode(), _Loader))  # a safe loader, see _Loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a ValueError for a date like 2030-99-99, too
        raise ValueError(" ".join(str(error).split())) from None


class FileSource:
    """Looks at the files about once a second. A set that does not parse leaves the last good one in force."""

    def __init__(self, path: Path, namespace: str, clock: IReactorTime, log: Log, changed: Callable[[], None]) -> None:
        self.problem = ""
        self._path = path
        self._namespace = namespace
        self._clock = clock
        self._log = log
        self._changed = changed
        self._marks: Marks | None = None
        self._held: Mapping[Key, Held[Resource]] | None = None
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def want(self, keys: frozenset[Key]) -> None:
        """All files are read in any case."""

    def held(self, key: Key) -> Held[Resource]:
        if self._held is None:
            return Pending(f"cannot be read: {self.problem}" if self.problem else "has not been read yet")
        return self._held.get(key, Absent("is not in the resources"))

    def silence(self) -> float:
        """Files do not fall silent."""
        return 0.0

    def describe(self) -> dict[str, object]:
        return {"from": "files", "path": str(self._path), "problem": self.problem or None}

    def _look(self) -> None:
        self._timer = self._clock.callLater(_POLL, self._look)
        before = self._marks, self.problem
        try:
            marks = marks_of(self._path)
            if marks == self._marks:
                return
            loaded = load_resources(self._path, self._namespace)
            # A file that changed while it was read is looked at again.
            self._marks = marks if marks == marks_of(self._path) else None
        except OSError as error:
            self._marks, self.problem = None, f"{error.filename or self._path}: {os.strerror(error.errno or 0)}"
        except Unreadable as error:
            self._marks, self.problem = marks, str(error)
        else:
            self.problem = ""
            self._held = {key: Present(resource) for key, resource in loaded.items()}
            self._log.info("resources read", path=str(self._path), objects=len(loaded))
        if self.problem and before != (self._marks, self.problem):
            kept = "none" if self._held is None else "the last good set"
            self._log.error("resources cannot be used", problem=self.problem, in_force=kept)
        self._changed()
