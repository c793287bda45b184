"""An unmodified kubectl: get, apply, wait, delete, describe and the rest that users type."""

import subprocess
from pathlib import Path

import pytest
import yaml

from support.api_server import ApiServer
from support.kube_client import KubeClient, Object
from support.kubectl import KUBECTL, Kubectl
from support.waiting import eventually
from support.widgets import widget, widgets_in

POLICY = """
apiVersion: aegis.aegisproxy.io/v1
kind: IngressPolicy
metadata: {name: orders}
spec:
  rules:
  - {name: read, identities: [id1], methods: [GET], paths: [/]}
"""
IDENTITY = """
apiVersion: aegis.aegisproxy.io/v1
kind: Identity
metadata: {name: id1}
spec: {provider: local}
"""


@pytest.fixture
def kubectl(api_server: ApiServer, namespace: str, tmp_path: Path) -> Kubectl:
    """kubectl as the administrator, in the test's namespace."""
    return Kubectl(api_server.admin_kubeconfig, namespace, tmp_path)


def as_yaml(*objects: Object) -> str:
    """A manifest."""
    return yaml.safe_dump_all(objects)


def test_version_is_that_of_a_server(kubectl: Kubectl) -> None:
    """`kubectl version` reads the server's version."""
    assert kubectl.json("version")["serverVersion"]["gitVersion"].startswith("v1.")


def test_get_shows_a_table(kubectl: Kubectl) -> None:
    """`kubectl get` prints the columns of the kind, by plural, singular, short name and category."""
    kubectl("apply", "--server-side", "-f", "-", stdin=POLICY + "---" + IDENTITY)
    for name in ("ingresspolicies", "ingresspolicy", "ipol", "ingresspolicies.aegis.aegisproxy.io"):
        header, row = kubectl("get", name).splitlines()
        assert header.split()[0] == "NAME"
        assert row.split()[:2] == ["orders", "Enforce"]
    everything = kubectl("get", "aegis", "-o", "name").split()
    assert {"identity.aegis.aegisproxy.io/id1", "ingresspolicy.aegis.aegisproxy.io/orders"} <= set(everything)


def test_nothing_there_is_said_so(kubectl: Kubectl, namespace: str) -> None:
    """An empty list is a sentence; a missing object is an error."""
    done = kubectl.run("get", "identities")
    assert (done.returncode, done.stderr) == (0, f"No resources found in {namespace} namespace.\n")
    missing = kubectl.run("get", "identity", "nobody")
    assert missing.returncode == 1
    assert missing.stderr == 'Error from server (NotFound): identities.aegis.aegisproxy.io "nobody" not found\n'


def test_server_side_apply(kubectl: Kubectl) -> None:
    """`apply --server-side` creates, repeats, conflicts and forces."""
    assert kubectl("apply", "--server-side", "-f", "-", stdin=POLICY) == (
        "ingresspolicy.aegis.aegisproxy.io/orders serverside-applied\n"
    )
    other = (
        "apiVersion: aegis.aegisproxy.io/v1\nkind: IngressPolicy\nmetadata: {name: orders}\nspec: {enforcement: DryRun}"
    )
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=other)
    mine = POLICY.replace("spec:", "spec:\n  enforcement: Enforce")
    conflict = kubectl.run("apply", "--server-side", "-f", "-", stdin=mine)
    assert conflict.returncode == 1
    assert 'conflict with "other": .spec.enforcement' in conflict.stderr
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=mine)
    assert kubectl.json("get", "ipol", "orders")["spec"]["enforcement"] == "Enforce"


def test_client_side_apply(kubectl: Kubectl) -> None:
    """Plain `apply` works as well: created, unchanged, configured."""
    assert "created" in kubectl("apply", "-f", "-", stdin=IDENTITY)
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=IDENTITY)
    assert "configured" in kubectl("apply", "-f", "-", stdin=IDENTITY.replace("local", "other"))
    assert kubectl("get", "identity", "id1", "-o", "jsonpath={.spec.provider}") == "other"


def test_bad_object_is_refused_with_its_field(kubectl: Kubectl) -> None:
    """A schema error and an unknown field reach the user's terminal."""
    bad = kubectl.run("apply", "--server-side", "-f", "-", stdin=POLICY.replace("[GET]", "[get]"))
    assert bad.returncode == 1
    assert "spec.rules[0].methods[0]" in bad.stderr
    unknown = kubectl.run("apply", "--server-side", "-f", "-", stdin=POLICY.replace("spec:", "spec:\n  nonsense: 1"))
    assert unknown.returncode == 1
    assert "nonsense" in unknown.stderr


def test_dry_run_and_diff_change_nothing(kubectl: Kubectl) -> None:
    """`--dry-run=server` and `diff` ask the server and store nothing."""
    assert "(server dry run)" in kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=POLICY)
    assert kubectl.run("get", "ipol", "orders").returncode == 1
    kubectl("apply", "--server-side", "-f", "-", stdin=POLICY)
    diff = kubectl.run("diff", "--server-side", "-f", "-", stdin=POLICY.replace("GET", "PUT"))
    assert diff.returncode == 1
    assert "+    - PUT" in diff.stdout


def test_wait_for_a_condition(kubectl: Kubectl, client: KubeClient, namespace: str) -> None:
    """`kubectl wait` returns when the status says so."""
    kubectl("apply", "--server-side", "-f", "-", stdin=as_yaml(widget("a")))
    too_early = kubectl.run("wait", "widget/a", "--for=condition=Ready", "--timeout=1s")
    assert too_early.returncode == 1
    assert "timed out" in too_early.stderr
    body = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    client.patch(widgets_in(namespace, "a", "status"), body).ok()
    assert (
        kubectl("wait", "widget/a", "--for=condition=Ready", "--timeout=30s")
        == "widget.tests.example/a condition met\n"
    )
    kubectl("wait", "widget/a", "--for=jsonpath={.spec.size}=1", "--timeout=30s")


def test_wait_watches(kubectl: Kubectl, client: KubeClient, namespace: str) -> None:
    """A wait that began before the condition held ends when it does."""
    kubectl("apply", "--server-side", "-f", "-", stdin=as_yaml(widget("a")))
    command = [str(KUBECTL), "-n", namespace, "wait", "widget/a", "--for=condition=Ready", "--timeout=60s"]
    environment = {"KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(kubectl.home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as waiting:
        body = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        client.patch(widgets_in(namespace, "a", "status"), body).ok()
        output, _ = waiting.communicate(timeout=60)
    assert output == "widget.tests.example/a condition met\n"


def test_delete_waits_for_finalizers(kubectl: Kubectl, client: KubeClient, namespace: str) -> None:
    """`kubectl delete` returns when the object is really gone."""
    body = widget("a")
    body["metadata"]["finalizers"] = ["tests.example/f"]
    kubectl("apply", "--server-side", "-f", "-", stdin=as_yaml(body, widget("b")))
    assert kubectl("delete", "widget", "b") == f'widget.tests.example "b" deleted from {namespace} namespace\n'
    held = kubectl.run("delete", "widget", "a", "--timeout=1s")
    assert held.returncode == 1
    client.patch(widgets_in(namespace, "a"), {"metadata": {"finalizers": None}}).ok()
    kubectl("wait", "widget/a", "--for=delete", "--timeout=30s")
    assert kubectl.run("delete", "widget", "a").returncode == 1
    assert kubectl("delete", "widget", "a", "--ignore-not-found") == ""


def test_describe_shows_spec_and_events(kubectl: Kubectl, namespace: str) -> None:
    """`kubectl describe` prints the object, and the events about it."""
    kubectl("apply", "--server-side", "-f", "-", stdin=POLICY)
    text = kubectl("describe", "ipol", "orders")
    assert f"Namespace:    {namespace}" in text
    assert "Enforcement:  Enforce" in text
    assert text.rstrip().endswith("Events:           <none>") or "Events:" in text


def test_edit_by_patch_label_and_annotate(kubectl: Kubectl) -> None:
    """`patch`, `label` and `annotate` change the object; `get -l` selects by the label."""
    kubectl("apply", "--server-side", "-f", "-", stdin=as_yaml(widget("a"), widget("b")))
    kubectl("patch", "widget", "a", "--type=merge", "-p", '{"spec":{"size":7}}')
    kubectl("patch", "widget", "a", "--subresource=status", "--type=merge", "-p", '{"status":{"observedGeneration":1}}')
    kubectl("label", "widget", "a", "tier=front")
    kubectl("annotate", "widget", "a", "note=x")
    assert kubectl("get", "widgets", "-l", "tier=front", "-o", "name") == "widget.tests.example/a\n"
    body = kubectl.json("get", "widget", "a")
    assert (body["spec"]["size"], body["status"]) == (7, {"observedGeneration": 1})
    assert body["metadata"]["annotations"] == {"note": "x"}


def test_get_watches(kubectl: Kubectl, client: KubeClient, namespace: str) -> None:
    """`get --watch` prints what is there and what comes."""
    client.create(widgets_in(namespace), widget("a")).ok()
    command = [str(KUBECTL), "-n", namespace, "get", "widgets", "--watch", "--no-headers", "-o", "name"]
    environment = {"KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(kubectl.home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        try:
            assert watching.stdout.readline() == "widget.tests.example/a\n"
            client.create(widgets_in(namespace), widget("b")).ok()
            assert watching.stdout.readline() == "widget.tests.example/b\n"
        finally:
            watching.terminate()


def test_explain_reads_the_schema(kubectl: Kubectl) -> None:
    """`kubectl explain` prints descriptions out of the CRD."""
    text = eventually(lambda: kubectl("explain", "ingresspolicy.spec.enforcement"))
    assert "KIND:       IngressPolicy" in text
    assert "DryRun" in text


def test_api_resources_lists_the_kinds(kubectl: Kubectl) -> None:
    """Discovery names kinds, short names and scope."""
    lines = kubectl("api-resources", "--api-group=aegis.aegisproxy.io", "--no-headers").splitlines()
    kinds = {line.split()[-1]: line.split()[-2] for line in lines}
    assert kinds == {
        "ClusterIdentityProvider": "false",
        "Identity": "true",
        "IdentityProvider": "true",
        "IngressPolicy": "true",
    }


def test_can_i_and_token(kubectl: Kubectl, namespace: str) -> None:
    """`auth can-i`, impersonation and `create token` work."""
    kubectl("create", "serviceaccount", "sa")
    account = f"system:serviceaccount:{namespace}:sa"
    assert kubectl("auth", "can-i", "get", "widgets") == "yes\n"
    refused = kubectl.run("auth", "can-i", "get", "widgets", f"--as={account}")
    assert (refused.returncode, refused.stdout) == (1, "no\n")
    assert kubectl("create", "token", "sa", "--audience=aegis").count(".") == 2


def test_built_in_kinds_print_their_columns(kubectl: Kubectl) -> None:
    """The kinds that the mesh's manifests hold print as they do everywhere."""
    kubectl("create", "configmap", "c", "--from-literal=a=b")
    header, *rows = kubectl("get", "configmaps").splitlines()
    assert header.split() == ["NAME", "DATA", "AGE"]
    assert any(row.split()[:2] == ["c", "1"] for row in rows)
    assert kubectl("get", "ns", "default", "--no-headers").split()[:2] == ["default", "Active"]
