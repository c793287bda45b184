"""The HTTP function, through a real functions-framework app."""

import base64
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegis_idp import discovery
from aegis_webhook.function import Webhook
from aegis_webhook.kinds import Judge
from aegis_webhook.review import LARGEST_REVIEW
from support.admission import CASES, DocumentCluster, Object, app_of, injector, patched, pod, review, usual_cluster

MAIN = Path(__file__).parents[2] / "functions" / "webhook" / "main.py"
ASKS = {"egress": "true", "identity": "orders", "redirect": "none"}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> DocumentCluster:
    """The app's cluster, in place of an API server."""
    cluster = usual_cluster()
    webhook = Webhook(injector(cluster), Judge(cluster, discovery.load))
    monkeypatch.setattr("aegis_webhook.entry._webhook", lambda: webhook)
    return cluster


@pytest.fixture
def client(cluster: DocumentCluster) -> Iterator[Any]:
    """A client of the function that `main.py` names."""
    with app_of(MAIN).test_client() as client:
        yield client


def ask(client: Any, path: str, document: Object) -> Object:
    response = client.post(path, json=document)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    answer: Object = json.loads(response.data)
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert answer["response"]["uid"] == document["request"]["uid"]
    found: Object = answer["response"]
    return found


def test_a_pod_is_injected_by_adding_only(client: Any) -> None:
    """The patch adds what is missing, replaces nothing, and leads to the injected pod; a second run changes nothing."""
    document = pod(ASKS)
    response = ask(client, "/mutate", review(document))
    assert response["allowed"]
    assert response["auditAnnotations"] == {"decision": "inject"}
    injected = patched(document, response)
    assert injected["spec"]["initContainers"][0]["name"] == "aegis-proxy"
    again = ask(client, "/mutate", review(injected))
    assert again["allowed"]
    assert "patch" not in again


def test_x21_injection_into_a_pod_with_lists_of_its_own_overwrites_none(client: Any) -> None:
    """Every operation of a patch is an add, whatever the pod holds already."""
    document = pod(
        {"ingress": "true", "ingress.port": "8080", "identity": "orders"},
        initContainers=[{"name": "first", "image": "i"}],
        volumes=[{"name": "data", "emptyDir": {}}],
        containers=[{"name": "app", "image": "app", "env": [{"name": "A", "value": "b"}]}],
    )
    response = ask(client, "/mutate", review(document))
    operations = json.loads(base64.b64decode(response["patch"]))
    assert {operation["op"] for operation in operations} == {"add"}


@pytest.mark.parametrize("dry_run", [True, False])
def test_w01_dry_runs_are_answered_alike(client: Any, dry_run: bool) -> None:
    """There are no side effects to leave out."""
    response = ask(client, "/mutate", review(pod(ASKS), dryRun=dry_run))
    assert response["allowed"]
    assert response["patch"]


def test_w01_the_namespace_is_the_requests(client: Any) -> None:
    """A pod without a name, or with another namespace in its metadata, is judged in the request's namespace."""
    document = pod(ASKS)
    document["metadata"] |= {"name": "", "generateName": "p-", "namespace": ""}
    assert ask(client, "/mutate", review(document))["allowed"]
    response = ask(client, "/mutate", review(document, namespace="other"))
    assert "there is no Identity orders in the namespace other" in response["status"]["message"]


@pytest.mark.parametrize("path", ["/mutate", "/validate-pod"])
@pytest.mark.parametrize("operation", ["UPDATE", "DELETE", "CONNECT"])
def test_w01_pods_that_run_are_never_given_containers(client: Any, path: str, operation: str) -> None:
    """Only creation injects; the other operations pass."""
    response = ask(client, path, review(pod(ASKS), operation))
    assert response["allowed"]
    assert "patch" not in response


def test_w01_subresources_are_not_injected(client: Any) -> None:
    """A binding is no pod to be injected."""
    assert "patch" not in ask(client, "/mutate", review(pod(ASKS), subResource="binding"))
    assert ask(client, "/validate-pod", review(pod(ASKS), subResource="binding"))["allowed"]


@pytest.mark.parametrize("path", ["/mutate", "/validate-pod", "/validate"])
def test_w01_no_object_is_refused(client: Any, path: str) -> None:
    """A creation without an object is refused, with the uid it came with."""
    response = ask(client, path, review(None))
    assert not response["allowed"]
    assert response["status"]["code"] == 400


def test_w01_another_kind_is_no_pod(client: Any) -> None:
    """A webhook configuration that sends other kinds here is told so."""
    assert "wanted a Pod" in ask(client, "/mutate", review({"kind": "Service"}, kind="Service"))["status"]["message"]


def test_w01_big_reviews_are_read_and_bigger_ones_refused(client: Any) -> None:
    """An object may have 3 MiB; what no API server sends is not read, or no further than that."""
    document = pod(ASKS)
    document["metadata"]["labels"] = {"big": "x" * (3 << 20)}
    assert ask(client, "/mutate", review(document))["allowed"]
    response = client.post("/mutate", data=b" " * (LARGEST_REVIEW + 1), content_type="application/json")
    assert response.status_code == 413
    assert str(LARGEST_REVIEW).encode() in response.data
    unsized = {"wsgi.input": io.BytesIO(b" " * (LARGEST_REVIEW + 1)), "wsgi.input_terminated": True}
    assert client.post("/mutate", environ_overrides=unsized).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"kind": "AdmissionReview"}'])
def test_w01_what_is_no_review_is_400(client: Any, body: bytes) -> None:
    """The answer says what is missing."""
    response = client.post("/mutate", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.data.strip()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/healthz", 200), ("HEAD", "/healthz", 200), ("GET", "/mutate", 405), ("POST", "/other", 404)],
)
def test_paths_and_methods(client: Any, method: str, path: str, status: int) -> None:
    """Health is a GET, reviews are POSTed, and other paths are unknown."""
    assert client.open(path, method=method).status_code == status


def test_a_refused_pod(client: Any) -> None:
    """The client sees which annotation is wrong."""
    response = ask(client, "/mutate", review(pod({**ASKS, "identity": "ordres"})))
    assert not response["allowed"]
    assert response["status"]["code"] == 403
    assert "there is no Identity ordres" in response["status"]["message"]


def test_a_skipped_pod(client: Any) -> None:
    """Why a pod is left alone stands in the audit log."""
    response = ask(client, "/mutate", review(pod()))
    assert response["allowed"]
    assert response["auditAnnotations"]["decision"].startswith("skip: the pod has neither the annotation")


def test_warnings_reach_the_author(client: Any) -> None:
    """A pod without a policy is admitted with a warning."""
    response = ask(client, "/mutate", review(pod({"ingress": "true", "ingress.port": "80", "identity": "orders"})))
    assert response["warnings"] == ["without aegisproxy.io/ingress.policy every request to this pod is denied"]


def test_w10_the_final_state_is_judged(client: Any) -> None:
    """An injected pod passes, the same pod without its sidecar does not, and containers added later are judged."""
    document = pod(ASKS)
    injected = patched(document, ask(client, "/mutate", review(document)))
    assert ask(client, "/validate-pod", review(injected))["allowed"]
    assert not ask(client, "/validate-pod", review(document))["allowed"]
    later = copy.deepcopy(injected)
    later["spec"]["ephemeralContainers"] = [{"name": "debug", "securityContext": {"runAsUser": 1137}}]
    assert not ask(client, "/validate-pod", review(later, "UPDATE", subResource="ephemeralcontainers"))["allowed"]


POLICY = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": "IngressPolicy", "metadata": {"name": "a"}, "spec": {}}


def test_our_kinds_are_judged(client: Any) -> None:
    """A policy that denies everything is stored with a warning, one that cannot be read is not; deletion passes."""
    response = ask(client, "/validate", review(POLICY, kind="IngressPolicy"))
    assert response["warnings"] == ["the policy has no rules: it denies every request"]
    wrong = {**POLICY, "spec": {"rules": [{}]}}
    response = ask(client, "/validate", review(wrong, "UPDATE", kind="IngressPolicy"))
    assert response["status"] == {"code": 422, "message": "spec.rules[0]: got no methods, wanted the field methods"}
    assert ask(client, "/validate", review(None, "DELETE", kind="IngressPolicy"))["allowed"]
    assert ask(client, "/validate", review(wrong, "UPDATE", kind="IngressPolicy", subResource="status"))["allowed"]


def test_a_defect_refuses_one_object(client: Any, cluster: DocumentCluster, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of ours or of a plugin is a refusal with the uid, and its trace is in the log."""
    cluster.documents = [{"kind": "Identity"}]
    response = ask(client, "/mutate", review(pod(ASKS)))
    assert not response["allowed"]
    assert response["status"]["code"] == 500
    assert "KeyError" in caplog.text


def test_w12_two_hundred_reviews_ask_the_cluster_for_each_thing(client: Any, cluster: DocumentCluster) -> None:
    """A review asks for its Identity, its provider and its policies, and for nothing else."""
    cluster.asked = 0
    ask(client, "/mutate", review(pod(ASKS)))
    assert cluster.asked == 2


def test_the_cases_have_a_cluster() -> None:
    """The documents that every case starts from are where the cases are."""
    assert (CASES / "usual-cluster.yml").exists()
