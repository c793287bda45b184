"""The project's documents, taken apart: pages, fenced blocks, tables, links, and what is named in backticks."""

import re
from itertools import groupby
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@frozen
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks in a language."""
        return [body for found, body in _FENCE.findall(self.text) if found == language]

    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def code(self) -> list[str]:
        """What stands in backticks."""
        return _CODE.findall(self.prose)

    def anchors(self) -> set[str]:
        """The names by which links reach the headings."""
        plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(self.prose))
        return {heading.replace(" ", "-") for heading in plain}

    def table(self, first: str) -> list[list[str]]:
        """The rows of all tables whose first column is called `first`, cell by cell."""
        return [row for table in self.tables() if table[0][0] == first for row in table[2:]]

    def tables(self) -> list[list[list[str]]]:
        """The lines of each table, cell by cell: its head, its rule, and its rows."""
        lines = groupby(self.prose.splitlines(), key=lambda line: line.startswith("|"))
        return [[_cells(line) for line in table] for is_table, table in lines if is_table]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def page(name: str) -> Page:
    return Page(ROOT / name, (ROOT / name).read_text("utf-8"))


def pages() -> list[Page]:
    """Every document of the project for people."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return [Page(path, path.read_text("utf-8")) for path in sorted(found)]
