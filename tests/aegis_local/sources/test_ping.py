"""PingSources, on a machine with the embedded API."""

from pathlib import Path
from typing import Any

import pytest

from aegis_local.client.resources import PING_SOURCES, Key, Object, condition
from aegis_local.machine import Machine
from support.event_sink import EventSink
from support.local_cluster import eventually, on_machine

NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: test}}"
KEY = Key("test", "p")


def source(url: str, **spec: Any) -> Object:
    return {
        "apiVersion": PING_SOURCES.api_version,
        "kind": "PingSource",
        "metadata": {"name": "p", "namespace": "test"},
        "spec": {"schedule": "* * * * * *", "data": "{}", "sink": {"uri": url}, **spec},
    }


def test_the_schedule_sends_until_the_source_goes(tmp_path: Path) -> None:
    """Every second here, each with an id of its own."""

    async def work(machine: Machine, sink: EventSink) -> None:
        await machine.api.apply(source(sink.url))
        await machine.ready(PING_SOURCES, KEY)
        await eventually(lambda: len(sink.events) >= 2, "two ticks")
        await machine.api.delete(PING_SOURCES, KEY)
        await eventually(lambda: KEY not in machine.cache(PING_SOURCES).objects, "the deletion")

    with EventSink() as sink:
        on_machine(tmp_path, NAMESPACE, lambda machine: work(machine, sink))
    assert {event.type for event in sink.events} == {"dev.knative.sources.ping"}
    assert len({event.id for event in sink.events}) == len(sink.events)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"schedule": "often"}, "wanted five fields"),
        ({"timezone": "Atlantis/Capital"}, "timezone 'Atlantis/Capital' is not known"),
        ({"sink": {"ref": {"apiVersion": "v1", "kind": "Service", "name": "s"}}}, "kind Service"),
    ],
)
def test_what_is_wrong_is_told_by_the_conditions(tmp_path: Path, spec: dict[str, Any], message: str) -> None:
    """The source is not ready."""

    async def work(machine: Machine) -> None:
        await machine.api.apply(source("http://127.0.0.1:1/", **spec))

        def told() -> str:
            found = condition(machine.cache(PING_SOURCES).objects.get(KEY, {}), "Ready")
            return str(found.get("message")) if found and found["status"] == "False" else ""

        await eventually(lambda: message in told(), "the condition")

    on_machine(tmp_path, NAMESPACE, work)
