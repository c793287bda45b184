"""What runs for each source, started anew when the source or its sink changes; and what its status says."""

import time
from collections.abc import Sequence

from attrs import field, frozen

from aegis_local.client.api import Api
from aegis_local.client.conditions import Holds, conditions, timestamp
from aegis_local.client.resources import Key, Object, Resource
from aegis_local.tasks import Tasks


@frozen
class Run:
    """The work for a source as it was when that began: two of them are equal if nothing has changed since."""

    uid: str
    generation: int
    url: str
    tasks: Tasks = field(factory=Tasks, eq=False)


class Runs:
    """One run for each source at most."""

    def __init__(self) -> None:
        self._runs: dict[Key, Run] = {}

    def anew(self, key: Key, source: Object, url: str) -> Run | None:
        """A run to be begun, in place of the one before; None if that is as `source` wants it."""
        wanted = Run(source["metadata"]["uid"], source["metadata"]["generation"], url)
        if self._runs.get(key) == wanted:
            return None
        self.end(key)
        return wanted

    def begun(self, key: Key, run: Run) -> None:
        self._runs[key] = run

    def end(self, key: Key) -> None:
        """Ends what runs for `key`, if anything does."""
        run = self._runs.pop(key, None)
        if run is not None:
            run.tasks.cancel()

    def end_all(self) -> None:
        for key in list(self._runs):
            self.end(key)


async def write_source_status(
    api: Api, resource: Resource, key: Key, source: Object, url: str | None, held: Sequence[Holds]
) -> None:
    """Writes the status of a source, `url` being its sink's; nothing where it says so already."""
    before = source.get("status", {})
    status: Object = {
        "observedGeneration": source["metadata"]["generation"],
        "conditions": conditions(before.get("conditions") or (), held, timestamp(time.time())),
    }
    if url is not None:
        status["sinkUri"] = url
    if status != before:
        await api.apply_status(resource, key, status)
