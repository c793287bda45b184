"""The embedded Kubernetes API without its network: requests in, answers out, and a clock that tests move."""

import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from aegis_local.kube.handlers import Answer, Asked
from aegis_local.kube.objects import Object
from aegis_local.kube.requests import Query
from aegis_local.kube.store import Event, Store
from aegis_local.kube.users import ADMIN
from aegis_local.kube.watching import Watch
from aegis_local.kube.wiring import Kubernetes
from aegis_local.kube.writing import Admission, Write

URL = "https://127.0.0.1:6443"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
NOW = 1_800_000_000

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that waits for nothing."""
    results: list[Any] = []
    ensureDeferred(coroutine).addBoth(results.append)
    assert results, "the coroutine waits for something"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    result: Result = results[0]
    return result


class OpenAdmission:
    """No webhooks. It remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def mutate(self, write: Write, operation: str, new: Object, old: Object | None) -> Object:
        self.asked.append(("mutate", operation))
        return new

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None:
        self.asked.append(("validate", operation))


class InMemoryKube:
    """A bootstrapped API; `now` is its clock in seconds since the epoch."""

    def __init__(self, admission: Admission | None = None) -> None:
        self.now = float(NOW)
        self.store = Store()
        self.gone: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self._events: list[Event] = []
        self.store.subscribe(self._events.append)
        self.kubernetes = Kubernetes(
            url=URL,
            certificate="a certificate",
            tokens={"admin": ADMIN},
            clock=lambda: self.now,
            store=self.store,
            admission=admission or OpenAdmission(),
            kind_gone=self.gone.append,
            fault=self._inject,
        )
        run(self.kubernetes.bootstrap())
        self.settle()

    def _inject(self, name: str) -> bool:
        self.faults.append(name)
        return name == "compact"

    def settle(self) -> None:
        """Let the controllers react until nothing is left to do."""
        while self._events:
            run(self.kubernetes.controllers.react(self._events.pop(0)))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: str = "application/json",
        token: str = "admin",
        headers: dict[str, str] = {},
        **query: str,
    ) -> Answer | Watch:
        """One request; `body` is JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {token}", "content-type": content, "accept": "application/json", **headers}
        values = {name: (value,) for name, value in query.items()}
        return run(self.kubernetes.api.answer(Asked(method, path, Query(values), sent, data)))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """One request that is no watch; the controllers have reacted before it returns."""
        answer = self.ask(method, path, body, **more)
        assert isinstance(answer, Answer)
        self.settle()
        return answer

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Object:
        """The body of a success."""
        answer = self.call(method, path, body, **more)
        assert answer.code < 300, answer.body
        assert isinstance(answer.body, dict)
        return answer.body

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """The code and message of a refusal."""
        answer = self.call(method, path, body, **more)
        assert answer.code >= 400, answer.body
        assert isinstance(answer.body, dict)
        return answer.code, str(answer.body["message"])


def widget_crd(**schema: Any) -> Object:
    """A CRD `widgets.example.com`, version v1 with status; `schema` replaces keys of its spec's schema."""
    spec = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1},
            "colour": {"type": "string", "default": "red"},
            "parts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                },
            },
            "replicas": {"type": "integer"},
        },
        **schema,
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": spec,
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["all"]},
            "versions": [version],
        },
    }


def widget(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 1, **spec},
    }


def with_widgets(admission: Admission | None = None) -> InMemoryKube:
    """An API that serves widgets."""
    kube = InMemoryKube(admission)
    kube.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widget_crd())
    return kube
