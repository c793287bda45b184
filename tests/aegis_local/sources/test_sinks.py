"""Where a source sends."""

from typing import Any

import pytest

from aegis_local.client.resources import Key
from aegis_local.sources.sinks import NoSink, sink_url

READY = {"status": {"address": {"url": "http://127.0.0.1:1"}, "conditions": [{"type": "Ready", "status": "True"}]}}
UNREADY = {"status": {"address": {"url": "http://127.0.0.1:1"}, "conditions": [{"type": "Ready", "status": "False"}]}}
REF = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "s"}


def source(sink: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "n"}, "spec": {"sink": sink}}


@pytest.mark.parametrize(
    ("sink", "url"),
    [
        ({"ref": REF}, "http://127.0.0.1:1/"),
        ({"ref": {**REF, "namespace": "n"}, "uri": "/path"}, "http://127.0.0.1:1/path"),
        ({"uri": "http://example.com/a"}, "http://example.com/a"),
    ],
)
def test_a_sink_is_a_ready_knative_service_or_a_uri(sink: Any, url: str) -> None:
    """A reference without a namespace means the source's own."""
    assert sink_url(source(sink), {Key("n", "s"): READY}) == url


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        (None, "neither ref nor uri"),
        ({"ref": {**REF, "name": "none"}}, "n/none does not exist"),
        ({"ref": {**REF, "namespace": "other"}}, "other/s does not exist"),
        ({"ref": {**REF, "kind": "Broker"}}, "kind Broker"),
        ({"ref": {**REF, "name": "unready"}}, "n/unready is not ready"),
        ({"ref": {**REF, "name": "new"}}, "n/new is not ready"),
    ],
)
def test_what_is_no_sink_is_named(sink: Any, message: str) -> None:
    """The source's condition says it."""
    services = {Key("n", "s"): READY, Key("n", "unready"): UNREADY, Key("n", "new"): {}}
    with pytest.raises(NoSink, match=message):
        sink_url(source(sink), services)
