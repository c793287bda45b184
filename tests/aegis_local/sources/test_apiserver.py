"""ApiServerSources, on a machine with the embedded API."""

from pathlib import Path
from typing import Any

import pytest

from aegis_local.client.resources import API_SERVER_SOURCES, CONFIG_MAPS, Key, Object, condition, is_true
from aegis_local.machine import Machine
from aegis_local.sources.apiserver import selector_text
from support.event_sink import EventSink
from support.local_cluster import eventually, on_machine

MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: test, labels: {watched: "yes"}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: other}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: test}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: test}]
"""
KEY = Key("test", "s")


def source(url: str, **spec: Any) -> Object:
    return {
        "apiVersion": API_SERVER_SOURCES.api_version,
        "kind": "ApiServerSource",
        "metadata": {"name": "s", "namespace": "test"},
        "spec": {
            "serviceAccountName": "reader",
            "resources": [{"apiVersion": "v1", "kind": "ConfigMap", "selector": {"matchLabels": {"a": "b"}}}],
            "sink": {"uri": url},
            **spec,
        },
    }


def config_map(name: str, namespace: str = "test", **data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"a": "b"}},
        "data": data,
    }


async def ready(machine: Machine) -> None:
    await machine.ready(API_SERVER_SOURCES, KEY)


def test_changes_after_the_start_become_events(tmp_path: Path) -> None:
    """What was there before is never told of; deletions are. Only its own namespace counts."""

    async def work(machine: Machine, sink: EventSink) -> None:
        await machine.api.apply(config_map("old"))
        await machine.api.apply(source(sink.url))
        await ready(machine)
        await machine.api.apply(config_map("elsewhere", "other"))
        await machine.api.apply(config_map("new"))
        await machine.api.apply(config_map("old", k="1"))
        await machine.api.delete(CONFIG_MAPS, Key("test", "new"))
        await eventually(lambda: len(sink.events) == 3, "three events")

    with EventSink() as sink:
        on_machine(tmp_path, MANIFESTS, lambda machine: work(machine, sink))
    told = [(event.type.rpartition(".")[2], event.name) for event in sink.events]
    assert told == [("add", "new"), ("update", "old"), ("delete", "new")]


def test_what_happens_in_a_gap_is_lost(tmp_path: Path) -> None:
    """As with Knative: a new list sends nothing."""

    async def work(machine: Machine, sink: EventSink) -> None:
        await machine.api.apply(source(sink.url))
        await ready(machine)
        await machine.api.apply(config_map("a"))
        await eventually(lambda: len(sink.events) == 1, "an event")
        machine.kubernetes.compact()
        await machine.api.apply(source(sink.url, ceOverrides={"extensions": {"x": "y"}}))
        await machine.api.apply(config_map("lost"))
        await ready(machine)
        await eventually(lambda: _observed(machine) == 2, "the new source")
        await machine.api.apply(config_map("b"))
        await eventually(lambda: any(event.name == "b" for event in sink.events), "the next event")

    with EventSink() as sink:
        on_machine(tmp_path, MANIFESTS, lambda machine: work(machine, sink))
    assert sink.events[-1].headers["ce-x"] == "y"


def _observed(machine: Machine) -> int:
    found = machine.cache(API_SERVER_SOURCES).objects[KEY]
    return int(found.get("status", {}).get("observedGeneration", 0))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({}, ["away", "near"]),
        ({"matchLabels": {"watched": "yes"}}, ["near"]),
        ({"matchExpressions": [{"key": "watched", "operator": "DoesNotExist"}]}, ["away"]),
    ],
)
def test_namespaces_are_selected_by_their_labels(tmp_path: Path, selector: Object, names: list[str]) -> None:
    """An empty selector means all of them."""

    async def work(machine: Machine, sink: EventSink) -> None:
        await machine.api.apply(source(sink.url, namespaceSelector=selector))
        await ready(machine)
        await machine.api.apply(config_map("away", "other"))
        await machine.api.apply(config_map("near", "test"))
        await eventually(lambda: len(sink.events) == len(names), "the events")

    with EventSink() as sink:
        on_machine(tmp_path, MANIFESTS, lambda machine: work(machine, sink))
    assert [event.name for event in sink.events] == names


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, ""),
        ({"matchLabels": {"a": "b", "c": "d"}}, "a=b,c=d"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, "a in (b,c)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, "a notin (b)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, "a"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a"),
    ],
)
def test_label_selectors_as_query_parameters(selector: Object, text: str) -> None:
    """In the form that the API server reads."""
    assert selector_text(selector) == text


def test_conditions_tell_what_is_missing(tmp_path: Path) -> None:
    """A sink, or rights; once they are there the source is ready."""

    async def work(machine: Machine, sink: EventSink) -> None:
        def message(kind: str) -> str:
            found = condition(machine.cache(API_SERVER_SOURCES).objects.get(KEY, {}), kind)
            return str(found.get("message", "")) if found else ""

        ref = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "none"}
        await machine.api.apply(source("", sink={"ref": ref}))
        await eventually(lambda: "test/none does not exist" in message("SinkProvided"), "the sink's condition")
        await machine.api.apply(source("", sink={"uri": sink.url}, serviceAccountName="default"))
        await eventually(lambda: "is forbidden" in message("SufficientPermissions"), "the rights' condition")
        assert not is_true(machine.cache(API_SERVER_SOURCES).objects[KEY], "Ready")
        await machine.api.apply(source("", sink={"uri": sink.url}))
        await ready(machine)
        await machine.api.delete(API_SERVER_SOURCES, KEY)
        await eventually(lambda: KEY not in machine.cache(API_SERVER_SOURCES).objects, "the deletion")

    with EventSink() as sink:
        on_machine(tmp_path, MANIFESTS, lambda machine: work(machine, sink))
