"""The function under the real functions-framework app: 204, 400, 405, 413 and 503, never 500."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from functions_framework import create_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from aegis_idp.errors import Unavailable
from aegis_reconcile.events import Everything, OneObject, Work
from aegis_reconcile.function import LARGEST_EVENT
from aegis_reconcile.outcome import Later
from support import function_under_test
from support.reconciling import Mesh

REFERENCE = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": "IdentityProvider", "namespace": "shop", "name": "idp"}
ATTRIBUTES = {"type": "dev.knative.apiserver.ref.update", "source": "https://10.96.0.1:443", "id": "1"}


@pytest.fixture
def function() -> Iterator[Callable[[Callable[[Work], Later | None]], Client]]:
    """Makes a client of the function, which hands its work to a given reconcile."""
    source = Path(function_under_test.__file__)

    def make(reconcile: Callable[[Work], Later | None]) -> Client:
        function_under_test.reconcile = reconcile
        return create_app("function", str(source), "http").test_client()  # type: ignore[no-untyped-call,no-any-return]  # ships no types

    yield make
    function_under_test.reconcile = function_under_test.nothing


def send(client: Client, data: object = REFERENCE, **attributes: str) -> TestResponse:
    headers, body = to_binary(CloudEvent({**ATTRIBUTES, **attributes}, data))
    return client.post("/", headers=headers, data=body)


Make = Callable[[Callable[[Work], Later | None]], Client]


def test_event_is_done_with_an_empty_204(function: Make) -> None:
    """A body would make a Broker believe that the delivery failed."""
    mesh = Mesh()
    key = mesh.provider()
    client = function(mesh.reconciler.reconcile)
    response = send(client)
    assert (response.status_code, response.data) == (204, b"")
    assert mesh.cluster.condition(key, "Ready") == ("True", "Ready")
    mesh.provider(type="elsewhere")
    assert send(client).status_code == 204
    assert mesh.cluster.condition(key, "Ready") == ("False", "PluginMissing")


def test_outage_is_503_with_retry_after(function: Make) -> None:
    """An ApiServerSource tries 503 again, and 500 never."""
    mesh = Mesh()
    mesh.provider()
    client = function(mesh.reconciler.reconcile)
    for wait, said in ((None, "5"), (2.5, "3"), (0.0, "5")):
        mesh.plugin.failure = Unavailable("no answer", wait)
        response = send(client)
        assert (response.status_code, response.headers["Retry-After"]) == (503, said)
    assert "no answer" in response.text


def test_binary_and_structured_events_and_ticks_arrive(function: Make) -> None:
    """Both content modes of CloudEvents say the same, on any path."""
    got: list[Work] = []
    client = function(got.append)
    event = CloudEvent(ATTRIBUTES, REFERENCE)
    headers, body = to_structured(event)
    assert client.post("/", headers=headers, data=body).status_code == 204
    assert send(client).status_code == 204
    assert send(client, None, type="dev.knative.sources.ping").status_code == 204
    headers, body = to_binary(event)
    assert client.post("/events", headers=headers, data=body).status_code == 204
    assert [type(work) for work in got] == [OneObject, OneObject, Everything, OneObject]
    assert got[0] == got[1]


def test_headers_of_the_real_adapter_are_understood(function: Make) -> None:
    """Captured from apiserver_receive_adapter: header names in Go's spelling, and Kn-Namespace."""
    got: list[Work] = []
    headers = {
        "Ce-Specversion": "1.0",
        "Ce-Id": "8e7c4f2e-5f3e-4d0a-9a53-4c7a5f9b7a11",
        "Ce-Time": "2026-01-01T00:00:00Z",
        "Ce-Source": "https://10.96.0.1:443",
        "Ce-Type": "dev.knative.apiserver.ref.delete",
        "Ce-Subject": "/apis/aegis.aegisproxy.io/v1/namespaces/shop/identityproviders/idp",
        "Ce-Kind": "IdentityProvider",
        "Ce-Apiversion": "aegis.aegisproxy.io/v1",
        "Ce-Name": "idp",
        "Ce-Namespace": "shop",
        "Content-Type": "application/json",
        "Kn-Namespace": "shop",
    }
    response = function(got.append).post("/", headers=headers, data=json.dumps(REFERENCE))
    assert response.status_code == 204
    assert len(got) == 1


def test_health_is_told_without_work(function: Make) -> None:
    """A probe is no event."""
    client = function(function_under_test.nothing)
    assert client.get("/healthz").status_code == 200
    assert client.head("/healthz").status_code == 200
    response = client.get("/")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert client.delete("/healthz").status_code == 405


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({}, b"", "no CloudEvent"),
        ({}, b"[]", "no CloudEvent"),
        ({}, b"[" * 100_000, "no CloudEvent"),
        ({}, b"\xff", "no CloudEvent"),
        ({"content-type": "application/cloudevents+json"}, b'{"specversion": "9"}', "no CloudEvent"),
        ({"content-type": "application/cloudevents+json"}, b'{"specversion": "1.0"}', "no CloudEvent"),
        ({"content-type": "application/cloudevents-batch+json"}, b"[{}]", "no CloudEvent"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s"}, b"{}", "no CloudEvent"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "other"}, b"{}", "the event type"),
        (
            {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": ATTRIBUTES["type"]},
            b"{",
            "wanted an object",
        ),
    ],
)
def test_what_is_no_event_is_400_in_words(function: Make, headers: dict[str, str], body: bytes, said: str) -> None:
    """The text says what was wanted."""
    response = function(function_under_test.nothing).post("/", headers=headers, data=body)
    assert response.status_code == 400
    assert said in response.text


def test_long_body_is_refused_unread(function: Make) -> None:
    """An event is small: what is not is 413, whether or not it says how long it is."""
    client = function(function_under_test.nothing)
    long = b"x" * (LARGEST_EVENT + 1)
    assert client.post("/", data=long).status_code == 413
    chunked = client.post("/", input_stream=io.BytesIO(long), environ_overrides={"wsgi.input_terminated": True})
    assert chunked.status_code == 413


def test_defect_is_503_and_tells_no_secret(function: Make, caplog: pytest.LogCaptureFixture) -> None:
    """An exception becomes "try again": a 500 is never tried again."""

    def broken(_: Work) -> Later | None:
        raise KeyError("".join(["hv", "s.secret"]))

    response = send(function(broken))
    assert response.status_code == 503
    assert "hvs." not in response.text + caplog.text
    assert "the work of an event failed" in caplog.text
    assert "KeyError" in caplog.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["ce-specversion", "ce-id", "ce-source", "ce-type", "content-type", "ce-kind", "ce-"]),
        st.sampled_from(
            ["1.0", "0.3", "", "application/json", "application/cloudevents+json", ATTRIBUTES["type"], "x"]
        ),
    ),
    st.binary(max_size=64) | st.sampled_from([b"{}", b'{"specversion": "1.0", "type": 1}', b"null", b"1", b'"x"']),
)
def test_any_request_gets_an_answer_that_is_no_500(function: Make, headers: dict[str, str], body: bytes) -> None:
    """Whatever comes, the answer is 204 or a clear 400."""
    assert function(function_under_test.nothing).post("/", headers=headers, data=body).status_code in (204, 400)
