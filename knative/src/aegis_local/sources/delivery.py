"""Events to their sink, with the retries of Knative's client (knative.dev/eventing, sdk-go protocol_retry)."""

# mypy: allow-untyped-calls
# (Twisted's HTTP client carries no types.)

import treq
from treq.client import HTTPClient
from twisted.logger import Logger
from twisted.web.client import Agent, HTTPConnectionPool

from aegis_local.client.errors import NO_ANSWER
from aegis_local.reactors import Reactor
from aegis_local.sources.events import Event
from aegis_local.tasks import sleep

log = Logger()

WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before the second and every further attempt."""

RETRIABLE = frozenset({404, 413, 425, 429, 502, 503, 504})
"""Statuses that are tried again. 500 is not: such an event is lost."""


class Sender:
    """Sends events, each until it is taken, refused for good, or out of attempts."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._pool = HTTPConnectionPool(reactor)
        self._http = HTTPClient(Agent(reactor, pool=self._pool))

    async def send(self, url: str, event: Event) -> bool:
        """Whether the sink took it (2xx). Blocks for as long as the sink takes: the next event of a kind waits."""
        attempts = 0
        for wait in (*WAITS, None):
            attempts += 1
            status = await self._once(url, event)
            if status is not None and 200 <= status < 300:
                return True
            if wait is None or (status is not None and status not in RETRIABLE):
                break
            await sleep(self._reactor, wait)
        kind, subject = event.headers["Ce-Type"], event.headers.get("Ce-Subject", "")
        outcome = f"status {status}" if status is not None else "no answer"
        log.error(
            "event {kind} {subject} is lost after {attempts} attempts: {outcome}",
            kind=kind, subject=subject, attempts=attempts, outcome=outcome,
        )  # fmt: skip
        return False

    async def close(self) -> None:
        """Close the kept connections."""
        await self._pool.closeCachedConnections()

    async def _once(self, url: str, event: Event) -> int | None:
        """The status of one attempt, None where there was no answer."""
        headers: dict[bytes | str, bytes | str] = dict(event.headers.items())
        try:
            response = await self._http.post(url, headers=headers, data=event.body, allow_redirects=False)
            await treq.content(response)
        except NO_ANSWER as error:
            log.debug("{url}: {error}", url=url, error=error)
            return None
        return int(response.code)
