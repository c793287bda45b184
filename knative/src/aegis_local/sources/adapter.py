"""A watch that becomes events: what Knative's receive adapter does, with its gaps."""

import uuid
from collections.abc import Callable, Mapping

from attrs import frozen

from aegis_local.client.resources import Object
from aegis_local.client.watching import Change
from aegis_local.sources.delivery import Sender
from aegis_local.sources.events import reference_event


@frozen
class Adapter:
    """Sends one event per change, one after the other. `wanted` says which namespaces count.

    `now` gives the time as RFC 3339.
    """

    sender: Sender
    url: str
    server: str
    extensions: Mapping[str, str]
    wanted: Callable[[str], bool]
    now: Callable[[], str]

    async def replaced(self, objects: list[Object]) -> None:
        """A list sends nothing: neither at the start nor after a gap, as with Knative."""

    async def changed(self, change: Change, obj: Object) -> None:
        if self.wanted(obj["metadata"].get("namespace", "")):
            event = reference_event(change, obj, self.server, str(uuid.uuid4()), self.now(), self.extensions)
            await self.sender.send(self.url, event)
