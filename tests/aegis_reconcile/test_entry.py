"""The function as functions-framework loads it, with everything real but the API server."""

import importlib
import logging
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloudevents.conversion import to_binary
from cloudevents.http import CloudEvent
from functions_framework import create_app
from werkzeug.test import Client, TestResponse

from aegis_reconcile import entry
from support.scripted_kubernetes import ScriptedKubernetes

PROVIDER = {
    "apiVersion": "aegis.aegisproxy.io/v1",
    "kind": "IdentityProvider",
    "metadata": {"name": "idp", "namespace": "shop", "generation": 1, "resourceVersion": "5", "uid": "u"},
    "spec": {"type": "kubernetes", "audience": "aegis"},
}
REFERENCE = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": "IdentityProvider", "namespace": "shop", "name": "idp"}


@pytest.fixture
def api() -> Iterator[ScriptedKubernetes]:
    with ScriptedKubernetes() as server:
        yield server


def client(source: str) -> Client:
    return create_app("reconcile", source, "http").test_client()  # type: ignore[no-untyped-call,no-any-return]  # ships no types


def tell(function: Client) -> TestResponse:
    attributes = {"type": "dev.knative.apiserver.ref.add", "source": "s", "id": "1"}
    headers, body = to_binary(CloudEvent(attributes, REFERENCE))
    return function.post("/", headers=headers, data=body)


@pytest.mark.parametrize("source", [entry.__file__, "functions/reconcile/main.py"])
def test_event_reaches_the_api_server_and_the_plugin(
    api: ScriptedKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """From an event to a status: the object is read, the cluster's own issuer is asked for, the status is written."""
    (tmp_path / "kubeconfig").write_text(api.kubeconfig({"token": "t1"}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.chdir(Path(__file__).parents[2])
    entry._reconciler.cache_clear()
    api.will_answer(200, PROVIDER)
    api.will_answer(200, PROVIDER)
    api.will_answer(200, {"issuer": "https://cluster.test", "jwks_uri": "https://cluster.test/jwks"})
    api.will_answer(200, PROVIDER)
    api.will_answer(201, {})
    api.will_answer(200, {"items": []})
    function = client(source)
    assert tell(function).status_code == 204
    said = [(asked.method, asked.path) for asked in api.asked[:4]]
    path = "/apis/aegis.aegisproxy.io/v1/namespaces/shop/identityproviders/idp"
    assert said == [
        ("GET", path),
        ("GET", path),
        ("GET", "/.well-known/openid-configuration"),
        ("PATCH", path + "/status"),
    ]
    status = api.asked[3].body["status"]
    assert status["issuer"] == "https://cluster.test"
    assert status["conditions"][0]["lastTransitionTime"].endswith("Z")
    assert api.asked[2].headers["authorization"] == "Bearer t1"
    entry._reconciler.cache_clear()


def test_function_without_a_way_to_the_api_server_asks_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubeconfig that is not there may come: 503 until then, and the health check answers."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    entry._reconciler.cache_clear()
    function = client(entry.__file__)
    response = tell(function)
    assert response.status_code == 503
    assert "no way to the API server" in response.text
    assert function.get("/healthz").status_code == 200


def test_module_serves_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m aegis_reconcile` serves the function at HOST and PORT, as Knative sets them."""
    served: list[object] = []

    class Server:
        def __init__(self, app: object, debug: bool) -> None:
            served.append((type(app).__name__, debug))

        def run(self, host: str, port: int) -> None:
            served.append((host, port))

    monkeypatch.setattr("functions_framework._http.create_server", Server)
    monkeypatch.setattr(logging, "basicConfig", lambda **settings: served.append(settings["level"]))
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("HOST", "127.0.0.1")
    monkeypatch.setenv("AEGIS_LOG_LEVEL", "debug")
    importlib.import_module("aegis_reconcile.__main__")
    assert served == []
    monkeypatch.delitem(sys.modules, "aegis_reconcile.__main__")
    runpy.run_module("aegis_reconcile", run_name="__main__")
    assert served == ["DEBUG", ("Flask", False), ("127.0.0.1", 8123)]
