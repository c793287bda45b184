"""The demo's frame: what is printed when something goes wrong. The whole of it is test_demo.py."""

from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from aegis_local.client.errors import ApiUnreachable
from aegis_local.demo import show as module
from aegis_local.demo.checks import Check, Group
from aegis_local.demo.show import Show
from aegis_local.demo.stage import Stage
from aegis_local.demo.table import Row
from aegis_local.machine import Machine
from aegis_local.waiting import TooLate
from support.on_reactor import on_reactor


class Host:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def log_file(self, namespace: str, pod: str, container: str) -> Path:
        return self._folder / "logs" / f"{namespace}_{pod}_{container}.log"


class Network:
    """Leads nowhere."""

    current: ClassVar[dict[Any, int]] = {}


class Broken:
    """A machine that does not come up."""

    network = Network()

    def __init__(self, folder: Path, error: Exception) -> None:
        self.state = folder
        self.host = Host(folder)
        self._error = error

    async def start(self, manifests: Path) -> None:
        raise self._error


def run(machine: Any) -> tuple[bool, list[str]]:
    lines: list[str] = []
    passed = on_reactor(Show(cast(Machine, machine), lines.append, False).run(Path()))
    return passed, lines


def test_a_demo_that_cannot_start_says_why(tmp_path: Path) -> None:
    """With the end of every log that there is."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text("\n".join(str(number) for number in range(30)))
    passed, lines = run(Broken(tmp_path, TooLate("waited in vain")))
    assert not passed
    assert lines[0] == "the demo cannot start: waited in vain"
    assert "  29" in lines
    assert "  9" not in lines
    assert lines[-1] == "demo: 0 of 1 checks passed"


def test_failed_checks_are_counted_and_their_logs_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot be made has failed; the others go on."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "demo_p_c.log").write_text("it was me")

    async def good(_: Stage) -> Row:
        return Row("a", "b", "b", True)

    async def impossible(_: Stage) -> Row:
        raise ApiUnreachable("the API is away")

    async def nothing(_: Show, __: Path) -> Stage:
        return cast(Stage, None)

    checks = (Check(impossible, (("p", "c"), ("q", "d"))), Check(good, (("r", "e"),)))
    monkeypatch.setattr(module, "GROUPS", (Group("Group", checks),))
    monkeypatch.setattr(Show, "_raise_curtain", nothing)
    passed, lines = run(Broken(tmp_path, ValueError()))
    assert not passed
    text = "\n".join(lines)
    assert "Group" in lines
    assert "the API is away" in text
    assert "  it was me" in lines
    assert "demo_q_d.log:" in text
    assert "demo_r_e.log" not in text
    assert lines[-1] == "demo: 1 of 2 checks passed"
