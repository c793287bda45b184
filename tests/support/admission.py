"""What tests of admission share: a cluster of documents, reviews, JSON Patches applied, and cases as files."""

import base64
import copy
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import functions_framework
import yaml
from attrs import define, field

from aegis_api.resources import Kind, Resource, parse_resource
from aegis_idp import discovery
from aegis_webhook.cluster import Cluster
from aegis_webhook.inject import Injector
from aegis_webhook.options import Options

CASES = Path(__file__).parents[1] / "cases" / "webhook"
IMAGE = "aegis-proxy:test"

Object = dict[str, Any]


@define
class DocumentCluster:
    """A cluster that holds these documents. `asked` counts the questions."""

    documents: list[Object] = field(factory=list)
    labels: Mapping[str, Mapping[str, str]] = field(factory=dict)
    asked: int = 0

    def get(self, kind: Kind, namespace: str, name: str) -> Resource | None:
        self.asked += 1
        for document in self.documents:
            metadata = document["metadata"]
            where = (document["kind"], metadata.get("namespace", "shop") if kind.namespaced else "", metadata["name"])
            if where == (kind.name, namespace, name):
                return parse_resource(document, namespace)
        return None

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        self.asked += 1
        return self.labels.get(name, {})


def injector(cluster: Cluster) -> Injector:
    """The injection with the installed plugins."""
    return Injector(cluster, discovery.load, Options(IMAGE))


def usual_cluster() -> DocumentCluster:
    """The namespace `shop` with an Identity, its provider and a policy."""
    return DocumentCluster(list(yaml.safe_load_all((CASES / "usual-cluster.yml").read_text())))


@define
class Case:
    """One file of `tests/cases/webhook`."""

    name: str
    document: Object

    @property
    def cluster(self) -> DocumentCluster:
        documents = [*usual_cluster().documents, *self.document.get("resources", [])]
        absent = self.document.get("without", [])
        labels = {"shop": self.document.get("namespaceLabels", {})}
        return DocumentCluster([item for item in documents if item["kind"] not in absent], labels)


def cases() -> Iterable[Case]:
    return [Case(path.stem, yaml.safe_load(path.read_text())) for path in sorted(CASES.glob("*.yaml"))]


def pod(annotations: Mapping[str, Any] = {}, /, **spec: Any) -> Object:
    """A pod with one container, annotated with names below our prefix."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": {f"aegisproxy.io/{name}": text for name, text in annotations.items()}},
        "spec": {"containers": [{"name": "app", "image": "app"}], **spec},
    }


def app_of(source: Path) -> Any:
    """The functions-framework app of the function `admission`."""
    return functions_framework.create_app("admission", str(source))  # type: ignore[no-untyped-call]  # ships no types


def kubeconfig(folder: Path, url: str) -> str:
    """The path of a kubeconfig for an API server that takes the token `the-token`."""
    document: Object = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "the-token"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def review(document: Object | None, operation: str = "CREATE", kind: str = "Pod", **request: Any) -> Object:
    """An AdmissionReview as an API server sends it."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "uid-1",
            "kind": {"group": "", "version": "v1", "kind": kind},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "operation": operation,
            "namespace": "shop",
            "object": document,
            "oldObject": None,
            "dryRun": False,
            **request,
        },
    }


def patched(document: Any, response: Object) -> Any:
    """The document as the API server makes it of a review's response."""
    operations = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    return apply_patch(document, operations)


def apply_patch(document: Any, operations: Iterable[Object]) -> Any:
    """RFC 6902: add, remove and replace."""
    root = {"": copy.deepcopy(document)}
    for operation in operations:
        parent: Any = root
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")] or [""]
        for part in way:
            parent = parent[int(part) if isinstance(parent, list) else part]
        key: Any = int(last) if isinstance(parent, list) else last
        match operation["op"]:
            case "remove":
                del parent[key]
            case "add" if isinstance(parent, list):
                assert 0 <= key <= len(parent)
                parent.insert(key, copy.deepcopy(operation["value"]))
            case "replace" if isinstance(parent, list) or key in parent:
                parent[key] = copy.deepcopy(operation["value"])
            case "add":
                parent[key] = copy.deepcopy(operation["value"])
            case _:
                raise AssertionError(f"an impossible operation: {operation}")
    return root[""]
