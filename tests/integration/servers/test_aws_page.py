"""What the page of AWS gives the reconcile function in the cluster is what it says, on a real API server."""

from collections.abc import Iterator

import pytest
import yaml

from servers.control_plane import ControlPlane
from servers.deployment import SYSTEM, install
from support.documents import page
from support.kube_client import Answer, KubeClient, Object, path_of
from support.waiting import eventually

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

PLURALS = {
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
SHOP = "aws-page"
COGNITO, STS = "cognito-identity.amazonaws.com", "sts.amazonaws.com"


def documents() -> list[Object]:
    blocks = page("docs/providers/aws.md").blocks("yaml")
    found = [document for block in blocks for document in yaml.safe_load_all(block)]
    own = [document for document in found if document["kind"] in PLURALS]
    for document in own:
        if "namespace" in document["metadata"]:
            document["metadata"]["namespace"] = SHOP
    return own


def named(name: str) -> Object:
    return {"apiVersion": "v1", "metadata": {"name": name}}


def path(document: Object) -> str:
    metadata = document["metadata"]
    return path_of(document["apiVersion"], PLURALS[document["kind"]], metadata["name"], metadata.get("namespace"))


@pytest.fixture(scope="module")
def client(real_control_plane: ControlPlane) -> Iterator[KubeClient]:
    """The reconcile function's, with the rights of the manifests and those of the page."""
    install(real_control_plane)
    admin = real_control_plane.client
    admin.apply(path_of("v1", "namespaces", SHOP), {**named(SHOP), "kind": "Namespace"}).ok()
    for name in ("orders", "stock"):
        account = path_of("v1", "serviceaccounts", name, SHOP)
        admin.apply(account, {**named(name), "kind": "ServiceAccount"}).ok()
    for document in documents():
        admin.apply(path(document), document).ok()
    yield real_control_plane.client_of(SYSTEM, "aegis-reconcile")
    for document in documents():
        admin.delete(path(document))
    admin.delete(path_of("v1", "namespaces", SHOP))


def asked(client: KubeClient, namespace: str, name: str, *audiences: str) -> Answer:
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": list(audiences), "expirationSeconds": 600},
    }
    return client.create(f"{path_of('v1', 'serviceaccounts', name, namespace)}/token", wanted)


def test_it_may_ask_for_tokens_for_cognito_alone(client: KubeClient) -> None:
    """Of the ServiceAccounts that are named; of itself for every provider, as before."""
    # A policy is in force some time after it was written.
    eventually(lambda: asked(client, SHOP, "orders", STS).status == 422)
    assert asked(client, SHOP, "orders", COGNITO).status == 201
    for audiences in ((STS,), (COGNITO, STS), ()):
        answer = asked(client, SHOP, "orders", *audiences)
        assert answer.status == 422
        assert "may ask for tokens of others for Cognito alone" in answer.message
    assert asked(client, SHOP, "stock", COGNITO).status == 403
    assert asked(client, SYSTEM, "aegis-reconcile", STS).status == 201


def test_nobody_else_is_kept_from_anything(client: KubeClient, real_control_plane: ControlPlane) -> None:
    """The kubelet and administrators ask as they did."""
    eventually(lambda: asked(client, SHOP, "orders", STS).status == 422)
    assert asked(real_control_plane.client, SHOP, "orders", STS).status == 201
