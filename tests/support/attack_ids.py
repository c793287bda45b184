"""The attack catalogue, and which of its ids the tests carry, read from their source.

A test carries an id in its name (`test_f24_...`), in the id of a parameter (`"P05-mixed"`), or by the marker
`@pytest.mark.attack("X06")`, which may also stand on a module as `pytestmark`.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml
from attrs import frozen

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "tests" / "attack_ids" / "catalogue.yaml"
_LETTERS = "PMHFDUEJKRWSX"
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9])([{_LETTERS}][0-9]{{2}})(?![0-9])", re.IGNORECASE)
_IN_NAME = re.compile(rf"(?<![a-z0-9])([{_LETTERS.lower()}][0-9]{{2}})(?=_|$)")


@frozen
class Entry:
    """One id. `where` is the path below which its test has to be; `pending` says why there is none yet."""

    what: str
    where: str = ""
    pending: str = ""


def catalogue(text: str) -> dict[str, Entry]:
    """Reads the YAML of the catalogue; its head says what it holds."""
    return {name: _entry(**entry) if isinstance(entry, dict) else Entry(entry) for name, entry in _members(text)}


def _members(text: str) -> Iterable[tuple[str, "str | dict[str, str]"]]:
    members: dict[str, str | dict[str, str]] = yaml.safe_load(text)
    return members.items()


def _entry(*, what: str, pending: str = "", **more: str) -> Entry:
    where = more.pop("in", "")
    assert not more, f"members that nobody reads: {more}"
    return Entry(what, where, pending)


class Carrier(NamedTuple):
    """A test function that carries `id`. `file` is its path from the checkout."""

    id: str
    file: str
    test: str = ""


def faults(entries: Mapping[str, Entry], carried: Iterable[tuple[str, str] | Carrier]) -> list[str]:
    """What is wrong between the catalogue and what tests carry: (id, file) and maybe more."""
    files: dict[str, set[str]] = {}
    for each in carried:
        files.setdefault(each[0], set()).add(each[1])
    found = [f"{name} is no id of the catalogue: {', '.join(sorted(files[name]))}" for name in files.keys() - entries]
    for name, entry in entries.items():
        proven = any(file.startswith(entry.where) for file in files.get(name, ()))
        if proven and entry.pending:
            found.append(f"{name} is pending, and has its test: take `pending` away")
        elif not proven and not entry.pending:
            found.append(f"{name} has no test{f' below {entry.where}' if entry.where else ''}: {entry.what}")
    return sorted(found)


def carriers(root: Path) -> list[Carrier]:
    """Of all test modules below `root`, in their order."""
    folders = [root / "tests", *sorted(root.glob("idp_plugins/*/tests"))]
    files = sorted(file for folder in folders for file in folder.rglob("test_*.py"))
    return [each for file in files for each in _of_module(file.read_text("utf-8"), str(file.relative_to(root)))]


def of_source(source: str) -> dict[str, set[str]]:
    """Test names by the ids that they carry, of one module."""
    found: dict[str, set[str]] = {}
    for each in _of_module(source, ""):
        found.setdefault(each.id, set()).add(each.test)
    return found


def _of_module(source: str, file: str) -> Iterator[Carrier]:
    tree = ast.parse(source)
    tables = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    everywhere = set(_markers([tables["pytestmark"]])) if "pytestmark" in tables else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            ids = {found.upper() for found in _IN_NAME.findall(node.name)}
            ids |= set(_markers(node.decorator_list)) | everywhere
            for call in _calls(node.decorator_list, "parametrize"):
                ids |= set(_parameter_ids(call, tables))
            yield from (Carrier(found, file, node.name) for found in sorted(ids))


def _calls(decorators: list[ast.expr], name: str) -> Iterator[ast.Call]:
    """The calls of `pytest.mark.NAME`."""
    for decorator in decorators:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{name}":
                yield node


def _markers(decorators: list[ast.expr]) -> Iterator[str]:
    for call in _calls(decorators, "attack"):
        yield from (each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _parameter_ids(call: ast.Call, tables: dict[str, ast.expr]) -> Iterator[str]:
    """The ids in `ids=` (a list, or the keys of a table of the module) and in `pytest.param(..., id=...)`."""
    ids = next((word.value for word in call.keywords if word.arg == "ids"), None)
    if ids is not None:
        yield from _texts_of(tables.get(ids.id, ids) if isinstance(ids, ast.Name) else ids)
    for values in [tables.get(each.id, each) if isinstance(each, ast.Name) else each for each in call.args[1:]]:
        for node in ast.walk(values):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.param":
                yield from (found for word in node.keywords if word.arg == "id" for found in _texts_of(word.value))


def _texts_of(node: ast.expr) -> Iterator[str]:
    """The ids in constant texts: of a dict its keys alone, and those of what is unpacked into it."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield from _texts_of(key if key is not None else value)
    elif isinstance(node, ast.DictComp):
        yield from _texts_of(node.key)
    else:
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from (found.upper() for found in _IN_TEXT.findall(each.value))
