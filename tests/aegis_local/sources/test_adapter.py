"""A watch that becomes events."""

from typing import Any

from aegis_local.sources.adapter import Adapter
from aegis_local.sources.delivery import Sender
from support.event_sink import EventSink
from support.on_reactor import on_reactor, reactor


def obj(name: str, namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}


def test_lists_send_nothing_and_changes_send_one_event_each() -> None:
    """Nothing is replayed; a namespace that does not count is passed over."""

    async def work(url: str) -> None:
        sender = Sender(reactor)
        adapter = Adapter(sender, url, "https://api", {}, lambda namespace: namespace != "other", lambda: "now")
        await adapter.replaced([obj("old", "n")])
        await adapter.changed("ADDED", obj("a", "n"))
        await adapter.changed("ADDED", obj("b", "other"))
        await adapter.changed("DELETED", obj("a", "n"))
        await sender.close()

    with EventSink() as sink:
        on_reactor(work(sink.url))
    assert [(event.name, event.type.rpartition(".")[2]) for event in sink.events] == [("a", "add"), ("a", "delete")]
    assert sink.events[0].id != sink.events[1].id
