"""Reads plain JSON values into typed ones, and says precisely where a document is wrong.

A `Node` is a value together with its path in the document. Readers ask a node for what they want; a node that holds
something else raises `ParseError` with the path, what came and what was wanted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from attrs import field, frozen

T = TypeVar("T")

_SHOWN = 80


class ParseError(ValueError):
    """A document holds something else than what was wanted at `path`.

    Its text is one sentence for the author of the document: `spec.rules[0].methods[1]: got "get", wanted ...`.
    """

    def __init__(self, path: str, got: str, wanted: str) -> None:
        super().__init__(f"{path or 'the document'}: got {got}, wanted {wanted}")
        self.path = path
        self.got = got
        self.wanted = wanted


def shown(value: object) -> str:
    """A short text for an arbitrary JSON value, as its author would recognise it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
        return f'"{text}"'
    if isinstance(value, Mapping):
        return "an empty object" if not value else "an object"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    if isinstance(value, int) and value.bit_length() > _SHOWN:
        return "a huge number"  # of which Python would refuse to make text
    return str(value)[:_SHOWN]


@frozen
class Node:
    """A JSON value and its path from the root of its document."""

    value: object = field(repr=False)
    path: str = ""

    def refuse(self, wanted: str) -> ParseError:
        """The error that says this node should have been `wanted`."""
        return ParseError(self.path, shown(self.value), wanted)

    def string(self) -> str:
        if not isinstance(self.value, str):
            raise self.refuse("a string")
        return self.value

    def matching(self, pattern: re.Pattern[str], wanted: str) -> str:
        """A string that `pattern` matches from end to end."""
        if not isinstance(self.value, str) or not pattern.fullmatch(self.value):
            raise self.refuse(wanted)
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.refuse("true or false")
        return self.value

    def integer(self, low: int, high: int) -> int:
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.refuse(f"a whole number from {low} to {high}")
        return value

    def one_of(self, choices: Mapping[str, T]) -> T:
        """The value that the string of this node stands for."""
        if not isinstance(self.value, str) or self.value not in choices:
            raise self.refuse(" or ".join(choices))
        return choices[self.value]

    def items(self, most: int | None = None) -> Iterator["Node"]:
        """The items of a list, of which there may be `most`."""
        if not isinstance(self.value, list):
            raise self.refuse("a list")
        if most is not None and len(self.value) > most:
            raise ParseError(self.path, f"{len(self.value)} items", f"at most {most}")
        return (Node(item, f"{self.path}[{index}]") for index, item in enumerate(self.value))

    def list_of(self, read: Callable[["Node"], T]) -> tuple[T, ...]:
        return tuple(read(item) for item in self.items())

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """The members of an object whose names the author chose."""
        return ((name, Node(value, f"{self.path}.{name}")) for name, value in self._mapping().items())

    def fields(self) -> "Fields":
        """The members of an object whose names are known beforehand."""
        return Fields(self.path, dict(self._mapping()))

    def _mapping(self) -> Mapping[str, object]:
        if not isinstance(self.value, Mapping):
            raise self.refuse("an object")
        for name in self.value:
            if not isinstance(name, str):
                raise ParseError(self.path, f"the member name {name!r}", "names that are strings")
        return self.value


class Fields:
    """The named members of one object; each is taken once, and what is left over is an error.

    A member that is null counts as absent, as in Kubernetes.
    """

    def __init__(self, path: str, left: dict[str, object]) -> None:
        self._path = path
        self._left = left
        self._known: list[str] = []

    def optional(self, name: str) -> Node | None:
        self._known.append(name)
        value = self._left.pop(name, None)
        return None if value is None else Node(value, f"{self._path}.{name}" if self._path else name)

    def required(self, name: str) -> Node:
        node = self.optional(name)
        if node is None:
            raise ParseError(self._path, "no " + name, f"the field {name}")
        return node

    def ignore(self, *names: str) -> None:
        """Members that are legal but belong to somebody else (status, server-side metadata)."""
        for name in names:
            self._left.pop(name, None)

    def done(self) -> None:
        """Refuses the members that nobody asked for: a misspelt field must not silently change a policy."""
        for name in self._left:
            known = ", ".join(sorted(self._known))
            raise ParseError(self._path, f"the unknown field {name}", f"only the fields {known}")
