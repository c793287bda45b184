"""The demo's table: one row per check, printed as it happens. Pure."""

import textwrap
from collections.abc import Iterator

from attrs import frozen

_WHAT, _EXPECTED, _GOT = 60, 27, 27
_GREEN, _RED, _BOLD, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


@frozen
class Row:
    """A check: what was sent or done, what had to come, what came."""

    what: str
    expected: str
    got: str
    ok: bool


def head(colour: bool) -> str:
    """The first line of the table."""
    line = f"  {'what was sent':<{_WHAT}}  {'expected':<{_EXPECTED}}  {'got':<{_GOT}}  verdict"
    return f"{_BOLD}{line}{_PLAIN}" if colour else line


def section(title: str, colour: bool) -> str:
    """A line between groups of rows."""
    return f"{_BOLD}{title}{_PLAIN}" if colour else title


def rendered(row: Row, colour: bool) -> str:
    """A row; long cells go on below."""
    verdict = "ok" if row.ok else "FAILED"
    if colour:
        verdict = f"{_GREEN if row.ok else _RED}{verdict}{_PLAIN}"
    lines = list(_lines(row))
    first = lines[0] + f"  {verdict}"
    return "\n".join([first, *(line.rstrip() for line in lines[1:])])


def _lines(row: Row) -> Iterator[str]:
    cells = [(row.what, _WHAT), (row.expected, _EXPECTED), (row.got, _GOT)]
    columns = [textwrap.wrap(text, width) or [""] for text, width in cells]
    for index in range(max(len(column) for column in columns)):
        parts = [
            f"{column[index] if index < len(column) else '':<{width}}"
            for column, (_, width) in zip(columns, cells, strict=True)
        ]
        yield "  " + "  ".join(parts)


def summary(rows: list[Row]) -> str:
    """The last line of the demo."""
    return f"demo: {sum(row.ok for row in rows)} of {len(rows)} checks passed"
