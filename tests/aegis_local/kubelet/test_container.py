"""One container's life."""

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from aegis_local.kubelet import container as module
from aegis_local.kubelet.container import Command, Container, Ended, Plan, Running, Waiting
from aegis_local.kubelet.environment import Missing
from aegis_local.kubelet.probing import Command as Question
from aegis_local.kubelet.probing import Probe, Prober
from aegis_local.process.groups import Exit, ProcessGroups
from support.local_cluster import eventually
from support.on_reactor import on_reactor, reactor

Made = Callable[..., Container]


def on_groups(folder: Path, work: Callable[[Made], Coroutine[Any, Any, None]]) -> None:
    """Run `work` with a maker of containers whose programs are shell scripts."""

    async def run() -> None:
        groups = ProcessGroups(reactor)

        def made(script: str, policy: str = "Never", missing: list[str] | None = None, **probes: Probe) -> Container:
            async def prepare() -> Command:
                if missing:
                    raise Missing(missing.pop())
                return Command(("sh", "-c", script), {"PATH": os.environ["PATH"]})

            plan = Plan("c", policy, folder / "log", folder, **probes)
            return Container(reactor, groups, Prober(reactor), plan, prepare, lambda: None)

        try:
            await work(made)
        finally:
            await groups.close()

    on_reactor(run())


def asks(*command: str, failures: int = 3) -> Probe:
    return Probe(Question(command), 0, 0.05, 5, failures, 1)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of things is what counts here."""
    monkeypatch.setattr(module, "_FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(module, "_CONFIG_RETRY", 0.01)
    monkeypatch.setattr(module, "_EAGER_PERIOD", 0.02)


@pytest.mark.parametrize(("policy", "code"), [("Never", 0), ("Never", 3), ("OnFailure", 0)])
def test_a_container_that_is_not_run_again_ends_for_good(tmp_path: Path, policy: str, code: int) -> None:
    """As its policy says; its last state tells how."""

    async def work(made: Made) -> None:
        container = made(f"exit {code}", policy)
        container.begin()
        await eventually(lambda: container.final is not None, "the end")
        assert isinstance(container.state, Ended)
        assert container.state.exit == Exit(code)
        assert container.state.reason == ("Error" if code else "Completed")
        assert container.restarts == 0

    on_groups(tmp_path, work)


@pytest.mark.parametrize(("policy", "code"), [("Always", 0), ("OnFailure", 3)])
def test_a_container_is_run_again_with_a_growing_delay(tmp_path: Path, policy: str, code: int) -> None:
    """Between the runs it waits in CrashLoopBackOff, with the end of the last run in view."""

    async def work(made: Made) -> None:
        container = made(f"exit {code}", policy)
        container.begin()
        await eventually(lambda: container.restarts >= 3, "restarts")
        assert container.last is not None
        assert container.last.exit == Exit(code)
        await container.stop(0)

    on_groups(tmp_path, work)


def test_a_container_waits_for_what_it_needs(tmp_path: Path) -> None:
    """And its state says for what."""

    async def work(made: Made) -> None:
        missing = ["Secret s does not exist"]
        container = made("exit 0", missing=missing)
        container.begin()
        assert container.state == Waiting("CreateContainerConfigError", "Secret s does not exist")
        await eventually(lambda: container.final is not None, "the end")

    on_groups(tmp_path, work)


def test_without_probes_a_running_container_is_ready(tmp_path: Path) -> None:
    """And started; once it has ended it is neither."""

    async def work(made: Made) -> None:
        container = made("sleep 100")
        container.begin()
        await eventually(lambda: container.ready, "readiness")
        assert isinstance(container.state, Running)
        assert container.started
        await container.stop(5)
        assert container.final is not None
        assert container.final.exit.code == 143
        assert [container.ready, container.started] == [False, False]

    on_groups(tmp_path, work)


def test_readiness_follows_its_probe(tmp_path: Path) -> None:
    """Both ways, and only after the startup probe has passed."""
    started, ready = tmp_path / "started", tmp_path / "ready"

    async def work(made: Made) -> None:
        container = made(
            "sleep 100",
            startup=asks("test", "-e", str(started), failures=1000),
            readiness=asks("test", "-e", str(ready), failures=1),
        )
        container.begin()
        ready.touch()
        await eventually(lambda: isinstance(container.state, Running), "the start")
        assert [container.started, container.ready] == [False, False]
        started.touch()
        await eventually(lambda: container.ready, "readiness")
        assert container.started
        ready.unlink()
        await eventually(lambda: container.ready is False, "unreadiness")
        await container.stop(0)

    on_groups(tmp_path, work)


@pytest.mark.parametrize(("kind", "reason"), [("liveness", "LivenessProbeFailed"), ("startup", "StartupProbeFailed")])
def test_a_container_whose_probe_fails_is_started_again(tmp_path: Path, kind: str, reason: str) -> None:
    """Its last state tells which probe it was."""

    async def work(made: Made) -> None:
        container = made("sleep 100", "Always", **{kind: asks("false", failures=1)})
        container.begin()
        await eventually(lambda: container.restarts > 0, "the restart")
        assert container.last is not None
        assert container.last.reason == reason
        await container.stop(0)

    on_groups(tmp_path, work)


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    """Of all runs, one after the other; the program starts in its own folder."""

    async def work(made: Made) -> None:
        container = made("pwd; echo err >&2; exit 1", "Always")
        container.begin()
        await eventually(lambda: container.restarts >= 2, "restarts")
        await container.stop(0)

    on_groups(tmp_path, work)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:4] == [str(tmp_path), "err", str(tmp_path), "err"]
