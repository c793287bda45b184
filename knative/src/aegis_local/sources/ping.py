"""PingSources: an event to the sink whenever the schedule says so."""

import time
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aegis_local.client.api import Api
from aegis_local.client.conditions import Holds, timestamp
from aegis_local.client.controller import Controller
from aegis_local.client.resources import PING_SOURCES, Key, Object
from aegis_local.client.watching import Cache
from aegis_local.reactors import Reactor
from aegis_local.sources.cron import BadSchedule, Schedule, parse_schedule
from aegis_local.sources.delivery import Sender
from aegis_local.sources.events import ping_event
from aegis_local.sources.runs import Runs, write_source_status
from aegis_local.sources.sinks import NoSink, sink_url
from aegis_local.tasks import sleep


class PingSources:
    """Runs every PingSource of the API."""

    def __init__(self, reactor: Reactor, api: Api, sender: Sender, sources: Cache, services: Cache) -> None:
        self.controller = Controller(reactor, "PingSource", self._reconcile)
        self._reactor = reactor
        self._api = api
        self._sender = sender
        self._sources = sources
        self._services = services
        self._runs = Runs()
        sources.listen(self.controller.wake)
        services.listen(lambda _: self.controller.wake_all(sources.objects))

    async def close(self) -> None:
        """End all schedules."""
        self._runs.end_all()

    async def _reconcile(self, key: Key) -> None:
        source = self._sources.objects.get(key)
        if source is None:
            self._runs.end(key)
            return
        try:
            url = sink_url(source, self._services.objects)
            schedule = _schedule(source)
        except (NoSink, BadSchedule) as error:
            self._runs.end(key)
            await self._write(key, source, None, str(error))
            return
        run = self._runs.anew(key, source, url)
        if run is not None:
            self._runs.begun(key, run)
            run.tasks.start(f"schedule of {key}", self._tick(source, schedule, url))
        await self._write(key, source, url, "")

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
        await write_source_status(self._api, PING_SOURCES, key, source, url, held)


def _schedule(source: Object) -> Schedule:
    name = source["spec"].get("timezone") or "UTC"
    try:
        zone = ZoneInfo(name) if name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError):
        raise BadSchedule(f"timezone {name!r} is not known") from None
    return parse_schedule(source["spec"]["schedule"], zone)
