"""PingSources: an event to the sink whenever the schedule says so."""

import time
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from aegis_local.client.api import Api
from aegis_local.client.conditions import Holds, conditions, timestamp
from aegis_local.client.controller import Controller
from aegis_local.client.resources import PING_SOURCES, Key, Object
from aegis_local.client.watching import Cache
from aegis_local.reactors import Reactor
from aegis_local.sources.cron import BadSchedule, Schedule, parse_schedule
from aegis_local.sources.delivery import Sender
from aegis_local.sources.events import ping_event
from aegis_local.sources.sinks import NoSink, sink_url
from aegis_local.tasks import Tasks, sleep


@frozen
class _Running:
    uid: str
    generation: int
    url: str
    tasks: Tasks = field(factory=Tasks, eq=False)


class PingSources:
    """Runs every PingSource of the API."""

    def __init__(self, reactor: Reactor, api: Api, sender: Sender, sources: Cache, services: Cache) -> None:
        self.controller = Controller(reactor, "PingSource", self._reconcile)
        self._reactor = reactor
        self._api = api
        self._sender = sender
        self._sources = sources
        self._services = services
        self._running: dict[Key, _Running] = {}
        sources.listen(self.controller.wake)
        services.listen(lambda _: self.controller.wake_all(sources.objects))

    async def close(self) -> None:
        """End all schedules."""
        for running in self._running.values():
            running.tasks.cancel()

    async def _reconcile(self, key: Key) -> None:
        source = self._sources.objects.get(key)
        if source is None:
            self._end(key)
            return
        try:
            url = sink_url(source, self._services.objects)
            schedule = _schedule(source)
        except (NoSink, BadSchedule) as error:
            self._end(key)
            await self._write(key, source, None, str(error))
            return
        wanted = _Running(source["metadata"]["uid"], source["metadata"]["generation"], url)
        if self._running.get(key) != wanted:
            self._end(key)
            self._running[key] = wanted
            wanted.tasks.start(f"schedule of {key}", self._tick(source, schedule, url))
        await self._write(key, source, url, "")

    def _end(self, key: Key) -> None:
        running = self._running.pop(key, None)
        if running is not None:
            running.tasks.cancel()

    async def _tick(self, source: Object, schedule: Schedule, url: str) -> None:
        moment = datetime.now(UTC)
        while (following := schedule.after(moment)) is not None:
            await sleep(self._reactor, max(following.timestamp() - time.time(), 0))
            await self._sender.send(url, ping_event(source, str(uuid.uuid4()), timestamp(time.time())))
            # A sink that took longer than a period misses the ticks in between.
            moment = max(following, datetime.now(UTC))

    async def _write(self, key: Key, source: Object, url: str | None, trouble: str) -> None:
        ready = url is not None
        held = [
            Holds("Ready", ready, "" if ready else "NotReady", trouble),
            Holds("SinkProvided", ready, "" if ready else "NotFound", trouble),
            Holds("Deployed", ready),
        ]
        before = source.get("status", {})
        status: Object = {
            "observedGeneration": source["metadata"]["generation"],
            "conditions": conditions(before.get("conditions") or (), held, timestamp(time.time())),
        }
        if url is not None:
            status["sinkUri"] = url
        if status != before:
            await self._api.apply_status(PING_SOURCES, key, status)


def _schedule(source: Object) -> Schedule:
    name = source["spec"].get("timezone") or "UTC"
    try:
        zone = ZoneInfo(name) if name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError):
        raise BadSchedule(f"timezone {name!r} is not known") from None
    return parse_schedule(source["spec"]["schedule"], zone)
