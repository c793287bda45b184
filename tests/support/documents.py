"""The project's documents, taken apart: pages, fenced blocks, tables, links, and what is named in backticks."""

import re
from collections.abc import Iterator
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
        return [row for header, row in self._rows() if header[0] == first]

    def _rows(self) -> Iterator[tuple[list[str], list[str]]]:
        header: list[str] | None = None
        for line in self.prose.splitlines():
            if not line.startswith("|"):
                header = None
            elif header is None:
                header = _cells(line)
            elif not set(line) <= set("|-: "):
                yield header, _cells(line)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def page(name: str) -> Page:
    return Page(ROOT / name, (ROOT / name).read_text("utf-8"))


def pages() -> list[Page]:
    """Every document of the project for people."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return [Page(path, path.read_text("utf-8")) for path in sorted(found)]
