"""The demo from start to end."""

import time
from collections.abc import Callable
from pathlib import Path

from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.demo.checks import Check
from aegis_local.demo.scenario import GROUPS
from aegis_local.demo.stage import NAMESPACE, Stage
from aegis_local.demo.table import Row, head, rendered, section, summary
from aegis_local.machine import Machine
from aegis_local.network import ServicePort
from aegis_local.waiting import TooLate

_TAIL_LINES = 20


class Show:
    """Runs the demo on a machine; `say` prints a line, `colour` allows colours in it."""

    def __init__(self, machine: Machine, say: Callable[[str], None], colour: bool) -> None:
        self._machine = machine
        self._say = say
        self._colour = colour
        self._failed_logs: dict[Path, None] = {}
        self.entrance: int | None = None
        """The local port of chain01's sidecar, once the services are up."""

    async def run(self, manifests: Path) -> bool:
        """Whether every check passed. What went wrong is printed, with the end of the logs that tell more."""
        try:
            stage = await self._raise_curtain(manifests)
        except (TooLate, ApiRefused, ApiUnreachable) as error:
            self._say(f"the demo cannot start: {error}")
            self._tails(sorted((self._machine.state / "logs").iterdir()))
            self._say(summary([Row("start", "started", str(error), False)]))
            return False
        rows = await self._checks(stage)
        self.entrance = self._machine.network.current.get(ServicePort(NAMESPACE, "chain01", 80))
        self._tails(list(self._failed_logs))
        self._say("")
        self._say(summary(rows))
        return all(row.ok for row in rows)

    async def _raise_curtain(self, manifests: Path) -> Stage:
        started = time.monotonic()
        await self._machine.start(manifests)
        stage = Stage(self._machine)
        self._say("  applying identities and policies")
        await stage.apply_mesh()
        self._say("  starting chain01, chain02 and chain03, each with its sidecar")
        await stage.apply_workloads()
        self._say(f"  all is up after {time.monotonic() - started:.0f} s")
        self._say("")
        return stage

    async def _checks(self, stage: Stage) -> list[Row]:
        rows: list[Row] = []
        self._say(head(self._colour))
        for group in GROUPS:
            self._say(section(group.title, self._colour))
            for check in group.checks:
                row = await self._check(check, stage)
                rows.append(row)
                self._say(rendered(row, self._colour))
        return rows

    async def _check(self, check: Check, stage: Stage) -> Row:
        try:
            row = await check.run(stage)
        except (TooLate, ApiRefused, ApiUnreachable, LookupError) as error:
            row = Row("a check could not be made", "an answer", str(error), False)
        if not row.ok:
            for pod, container in check.logs:
                self._failed_logs[self._machine.host.log_file(NAMESPACE, pod, container)] = None
        return row

    def _tails(self, logs: list[Path]) -> None:
        for path in logs:
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            self._say("")
            self._say(f"the end of {path}:")
            for line in lines[-_TAIL_LINES:]:
                self._say(f"  {line}")
