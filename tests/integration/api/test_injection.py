"""The admission function as an API server calls it: its answers survive defaults, built-in plugins and reinvocation."""

import base64
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis_webhook.certificates import main as make_certificates
from servers.processes import free_port
from support.admission import Case, cases, pod, usual_cluster
from support.api_server import ApiServer
from support.kube_client import KubeClient, Object, path_of
from support.waiting import eventually

ADMISSION = "admissionregistration.k8s.io/v1"
NAMESPACE, GATED = "shop", "shop-gated"
MESH = "aegis.aegisproxy.io/v1"
PODS = path_of("v1", "pods", namespace=NAMESPACE)

# Cases whose cluster is the usual one, and whose pod holds nothing that a real API server does not know.
USUAL = [
    case for case in cases() if not {"resources", "without"} & set(case.document) and case.name != "unknown-fields"
]
INJECTED = [case for case in USUAL if "injected" in case.document]
REFUSED = [case for case in USUAL if "refuse" in case.document]


def by_name(case: Case) -> str:
    return case.name


def _configuration(kind: str, url: str, ca: Path, hooks: dict[str, tuple[str, str, list[str], str]]) -> Object:
    """`hooks`: path -> (API group, resource, operations, the namespace label that calls it)."""
    bundle = base64.b64encode(ca.read_bytes()).decode()
    mutating = {"reinvocationPolicy": "IfNeeded"} if kind.startswith("Mutating") else {}
    webhooks = [
        {
            "name": f"{path.strip('/')}.tests.example",
            "clientConfig": {"url": url + path, "caBundle": bundle},
            "rules": [{"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": operations}],
            "namespaceSelector": {"matchExpressions": [{"key": label, "operator": "Exists"}]},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 10,
            **mutating,
        }
        for path, (group, resource, operations, label) in hooks.items()
    ]
    return {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": "aegis-injection"}, "webhooks": webhooks}


def _namespace(client: KubeClient, name: str, labels: dict[str, str]) -> None:
    client.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}).ok()
    for account in ("orders", "default"):
        answer = client.create(path_of("v1", "serviceaccounts", namespace=name), {"metadata": {"name": account}})
        assert answer.status in (201, 409)
    for document in usual_cluster().documents:
        plural = {"Identity": "identities", "IdentityProvider": "identityproviders"}.get(
            document["kind"], "ingresspolicies"
        )
        body = document | {"metadata": {"name": document["metadata"]["name"]}}
        client.create(path_of(MESH, plural, namespace=name), body).ok()


@pytest.fixture(scope="module")
def hooked(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeClient]:
    """The administrator of an API server that calls the running webhook for pods and policies of two namespaces."""
    folder, port = tmp_path_factory.mktemp("webhook"), free_port()
    make_certificates([str(folder), "127.0.0.1"])
    url, client = f"https://127.0.0.1:{port}", api_server.client
    command = [sys.executable, "-m", "aegis_webhook", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--certificate", str(folder / "tls.crt"), "--key", str(folder / "tls.key")]
    environment = {"KUBECONFIG": str(api_server.admin_kubeconfig), "AEGIS_PROXY_IMAGE": "aegis-proxy:test"}
    process = subprocess.Popen(command, env=os.environ | environment)
    every = ["CREATE", "UPDATE"]
    configurations = [
        _configuration(
            "MutatingWebhookConfiguration", url, folder / "ca.crt", {"/mutate": ("", "pods", ["CREATE"], "inject")}
        ),
        _configuration(
            "ValidatingWebhookConfiguration",
            url,
            folder / "ca.crt",
            {"/validate-pod": ("", "pods", every, "gate"), "/validate": ("aegis.aegisproxy.io", "*", every, "gate")},
        ),
    ]
    paths = []
    try:
        eventually(lambda: _healthy(f"{url}/healthz", folder / "ca.crt"))
        for configuration in configurations:
            collection = path_of(ADMISSION, f"{configuration['kind'].lower()}s")
            client.create(collection, configuration).ok()
            paths.append(f"{collection}/aegis-injection")
        _namespace(client, NAMESPACE, {"inject": "yes", "gate": "yes"})
        paths.insert(0, path_of("v1", "namespaces", NAMESPACE))
        _namespace(client, GATED, {"gate": "yes"})
        paths.insert(0, path_of("v1", "namespaces", GATED))
        eventually(lambda: _called(client))
        yield client
    finally:
        for path in paths:
            client.delete(path)
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _healthy(url: str, ca: Path) -> bool:
    try:
        with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=str(ca)), timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _called(client: KubeClient) -> bool:
    """Whether both configurations are in force: an API server reads them a moment after they were written."""
    document = pod({"egress": "true", "identity": "orders"})
    injected = client.create(PODS, document, dryRun="All")
    gated = client.create(path_of("v1", "pods", namespace=GATED), document, dryRun="All")
    return injected.status == 201 and "initContainers" in injected.ok()["spec"] and gated.status == 403


@pytest.mark.parametrize("case", INJECTED, ids=by_name)
def test_an_injected_pod_is_stored_and_passes_the_gate(hooked: KubeClient, case: Case) -> None:
    """The webhook knows its work again after the API server's own additions, and the gate lets it through."""
    stored = hooked.create(PODS, case.document["pod"], dryRun="All").ok()
    expected = case.document["injected"]["spec"]
    assert stored["metadata"]["labels"]["aegisproxy.io/injected"] == "true"
    assert stored["spec"]["serviceAccountName"] == expected.get("serviceAccountName", "default")
    names = [container["name"] for container in expected["initContainers"]]
    assert [container["name"] for container in stored["spec"]["initContainers"]] == names
    for found, wanted in zip(stored["spec"]["initContainers"], expected["initContainers"], strict=True):
        assert found.get("args") == wanted.get("args")
        assert found.get("restartPolicy") == wanted.get("restartPolicy")
    again = hooked.create(PODS, {**stored, "metadata": {**stored["metadata"], "resourceVersion": ""}}, dryRun="All")
    assert again.ok()["spec"]["initContainers"] == stored["spec"]["initContainers"]


@pytest.mark.parametrize("case", REFUSED, ids=by_name)
def test_a_refused_pod_is_not_stored(hooked: KubeClient, case: Case) -> None:
    """Its author reads the webhook's sentence, or the API server's own where that comes first."""
    answer = hooked.create(PODS, case.document["pod"], dryRun="All")
    assert answer.status in (403, 422)
    if "denied the request" in answer.message:
        assert case.document["refuse"] in answer.message
    else:
        assert "service account" in answer.message or "ServiceAccount" in answer.message


def test_w10_the_gate_holds_alone(hooked: KubeClient) -> None:
    """Where the mutating webhook is not called, a pod that asks for the mesh does not start, and others do."""
    pods = path_of("v1", "pods", namespace=GATED)
    answer = hooked.create(pods, pod({"egress": "true", "identity": "orders"}), dryRun="All")
    assert "the pod asks for the mesh and is not injected" in answer.message
    hooked.create(pods, pod(), dryRun="All").ok()


def test_our_kinds_are_judged_before_they_are_stored(hooked: KubeClient) -> None:
    """A plugin's settings are part of the schema, though no CRD could say so."""
    body = {
        "apiVersion": MESH,
        "kind": "IdentityProvider",
        "metadata": {"name": "wrong"},
        "spec": {"type": "kubernetes", "audience": "aegis", "config": {"isuer": "x"}},
    }
    answer = hooked.create(path_of(MESH, "identityproviders", namespace=NAMESPACE), body)
    assert answer.status == 422
    assert "spec.config: got the unknown field isuer" in answer.message
