"""RBAC as the mesh uses it: a ServiceAccount reads exactly the objects that its Role names."""

from collections.abc import Sequence

import pytest

from support.api_server import ApiServer
from support.kube_client import Answer, KubeClient, Object, path_of
from support.waiting import eventually
from support.widgets import widget, widgets_in

RBAC = "rbac.authorization.k8s.io/v1"
READ = ("get", "list", "watch")


def grant(
    client: KubeClient, namespace: str, account: str, verbs: Sequence[str] = READ, names: Sequence[str] = ()
) -> None:
    """A Role on widgets for that account of the namespace: all of them, or only those named."""
    rule = {"apiGroups": ["tests.example"], "resources": ["widgets"], "verbs": list(verbs)}
    rules = [rule | ({"resourceNames": list(names)} if names else {})]
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
    metadata = {"name": account}
    client.create(path_of(RBAC, "roles", namespace=namespace), {"metadata": metadata, "rules": rules}).ok()
    binding = {"metadata": metadata, "roleRef": role_ref, "subjects": [subject]}
    client.create(path_of(RBAC, "rolebindings", namespace=namespace), binding).ok()


@pytest.fixture
def proxy(api_server: ApiServer, client: KubeClient, namespace: str) -> KubeClient:
    """A ServiceAccount that may read the widget `mine`, and nothing else; `mine` and `other` exist."""
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "proxy"}}).ok()
    for name in ("mine", "other"):
        client.create(widgets_in(namespace), widget(name)).ok()
    grant(client, namespace, "proxy", names=["mine"])
    user = api_server.client_of(namespace, "proxy")
    eventually(lambda: user.get(widgets_in(namespace, "mine")).status == 200)
    return user


def is_forbidden(answer: Answer) -> bool:
    """Whether it is a 403 of Kubernetes."""
    return (answer.status, answer.reason) == (403, "Forbidden")


def test_named_object_is_read(proxy: KubeClient, namespace: str) -> None:
    """Get, list and watch of the one name work, the latter two by field selector."""
    assert proxy.get(widgets_in(namespace, "mine")).status == 200
    listed = proxy.get(widgets_in(namespace), fieldSelector="metadata.name=mine").ok()
    assert [item["metadata"]["name"] for item in listed["items"]] == ["mine"]
    version = listed["metadata"]["resourceVersion"]
    with proxy.watch(
        widgets_in(namespace), fieldSelector="metadata.name=mine", resourceVersion=version, seconds=1
    ) as events:
        assert list(events) == []


def test_change_of_the_named_object_is_seen(proxy: KubeClient, client: KubeClient, namespace: str) -> None:
    """The watch of the one name delivers its changes."""
    with proxy.watch(widgets_in(namespace), fieldSelector="metadata.name=mine") as events:
        assert next(events)["type"] == "ADDED"
        client.patch(widgets_in(namespace, "mine"), {"spec": {"size": 4}}).ok()
        assert next(events)["object"]["spec"]["size"] == 4


def test_neighbour_is_refused(proxy: KubeClient, namespace: str) -> None:
    """Another object of the same namespace is 403 in every way of reading it."""
    assert is_forbidden(proxy.get(widgets_in(namespace, "other")))
    assert is_forbidden(proxy.get(widgets_in(namespace), fieldSelector="metadata.name=other"))
    assert is_forbidden(proxy.get(widgets_in(namespace), fieldSelector="metadata.name=other", watch=True))
    assert is_forbidden(proxy.get(widgets_in(namespace)))
    assert is_forbidden(proxy.get(widgets_in(namespace), watch=True))
    assert is_forbidden(proxy.get(widgets_in(namespace), labelSelector="metadata.name=mine"))
    assert is_forbidden(proxy.get(widgets_in(namespace), fieldSelector="metadata.name!=other"))


def test_other_namespaces_are_refused(proxy: KubeClient, client: KubeClient) -> None:
    """The same name in another namespace, or in all of them, is 403; so is one that is not there."""
    client.create("/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    client.create(widgets_in("elsewhere"), widget("mine"))
    assert is_forbidden(proxy.get(widgets_in("elsewhere", "mine")))
    assert is_forbidden(proxy.get(widgets_in("elsewhere"), fieldSelector="metadata.name=mine"))
    assert is_forbidden(proxy.get(widgets_in("elsewhere", "nothing")))
    assert is_forbidden(proxy.get("/apis/tests.example/v1/widgets", fieldSelector="metadata.name=mine"))


def test_reading_is_not_writing(proxy: KubeClient, namespace: str) -> None:
    """Rights to read give none to write, not even the status."""
    path = widgets_in(namespace, "mine")
    assert is_forbidden(proxy.patch(path, {"spec": {"size": 2}}))
    assert is_forbidden(proxy.patch(f"{path}/status", {"status": {}}))
    assert is_forbidden(proxy.get(f"{path}/status"))
    assert is_forbidden(proxy.delete(path))
    assert is_forbidden(proxy.create(widgets_in(namespace), widget("new")))
    assert is_forbidden(proxy.get(path_of("v1", "secrets", namespace=namespace)))


def test_refusal_says_who_may_not_do_what(proxy: KubeClient, namespace: str) -> None:
    """The message names the user, the verb, the resource and the namespace."""
    answer = proxy.get(widgets_in(namespace, "other"))
    assert answer.message == (
        f'widgets.tests.example "other" is forbidden: User "system:serviceaccount:{namespace}:proxy" '
        f'cannot get resource "widgets" in API group "tests.example" in the namespace "{namespace}"'
    )


def test_right_ends_with_its_binding(proxy: KubeClient, client: KubeClient, namespace: str) -> None:
    """Without the RoleBinding the object is out of reach again."""
    client.delete(path_of(RBAC, "rolebindings", "proxy", namespace)).ok()
    eventually(lambda: is_forbidden(proxy.get(widgets_in(namespace, "mine"))))


def test_role_can_be_widened_while_in_use(proxy: KubeClient, client: KubeClient, namespace: str) -> None:
    """A further name in the Role opens that object."""
    role: Object = client.get(path_of(RBAC, "roles", "proxy", namespace)).ok()
    role["rules"][0]["resourceNames"].append("other")
    client.replace(path_of(RBAC, "roles", "proxy", namespace), role).ok()
    eventually(lambda: proxy.get(widgets_in(namespace, "other")).status == 200)


def test_cluster_role_reaches_one_cluster_scoped_object(
    api_server: ApiServer, client: KubeClient, namespace: str
) -> None:
    """A ClusterRole with a name opens that one ClusterIdentityProvider."""
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "reader"}}).ok()
    providers = path_of("aegis.aegisproxy.io/v1", "clusteridentityproviders")
    own, others = f"{namespace}-own", f"{namespace}-other"
    spec = {"type": "kubernetes", "audience": "aegis"}
    for name in (own, others):
        body = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": "ClusterIdentityProvider"}
        client.create(providers, body | {"metadata": {"name": name}, "spec": spec}).ok()
    rule = {
        "apiGroups": ["aegis.aegisproxy.io"],
        "resources": ["clusteridentityproviders"],
        "resourceNames": [own],
        "verbs": list(READ),
    }
    client.create(path_of(RBAC, "clusterroles"), {"metadata": {"name": own}, "rules": [rule]}).ok()
    binding = {
        "metadata": {"name": own},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": own},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    client.create(path_of(RBAC, "clusterrolebindings"), binding).ok()
    reader = api_server.client_of(namespace, "reader")
    eventually(lambda: reader.get(f"{providers}/{own}").status == 200)
    assert is_forbidden(reader.get(f"{providers}/{others}"))
    assert is_forbidden(reader.get(providers))
    assert reader.get(providers, fieldSelector=f"metadata.name={own}").status == 200


def test_binding_to_a_cluster_role_holds_in_its_namespace_only(
    api_server: ApiServer, client: KubeClient, namespace: str
) -> None:
    """A RoleBinding may name a ClusterRole: its rights then end at the namespace."""
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "viewer"}}).ok()
    rule = {"apiGroups": ["tests.example"], "resources": ["widgets"], "verbs": list(READ)}
    client.create(path_of(RBAC, "clusterroles"), {"metadata": {"name": namespace}, "rules": [rule]}).ok()
    binding = {
        "metadata": {"name": "viewer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace},
        "subjects": [{"kind": "ServiceAccount", "name": "viewer", "namespace": namespace}],
    }
    client.create(path_of(RBAC, "rolebindings", namespace=namespace), binding).ok()
    viewer = api_server.client_of(namespace, "viewer")
    eventually(lambda: viewer.get(widgets_in(namespace)).status == 200)
    assert is_forbidden(viewer.get(widgets_in("default")))


def test_account_can_ask_what_it_may(proxy: KubeClient, namespace: str) -> None:
    """SelfSubjectAccessReview answers for named and unnamed objects."""

    def may(verb: str, name: str) -> bool:
        attributes = {
            "namespace": namespace,
            "verb": verb,
            "group": "tests.example",
            "resource": "widgets",
            "name": name,
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        allowed: bool = proxy.create(path, {"spec": {"resourceAttributes": attributes}}).ok()["status"]["allowed"]
        return allowed

    assert may("get", "mine")
    assert not may("get", "other")
    assert not may("delete", "mine")


def test_rights_cannot_be_given_by_who_lacks_them(api_server: ApiServer, client: KubeClient, namespace: str) -> None:
    """A ServiceAccount that may write Roles cannot put rights in them that it does not have."""
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "climber"}}).ok()
    rule = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create", "get"]}
    client.create(path_of(RBAC, "roles", namespace=namespace), {"metadata": {"name": "climber"}, "rules": [rule]}).ok()
    binding = {
        "metadata": {"name": "climber"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "climber"},
        "subjects": [{"kind": "ServiceAccount", "name": "climber", "namespace": namespace}],
    }
    client.create(path_of(RBAC, "rolebindings", namespace=namespace), binding).ok()
    climber = api_server.client_of(namespace, "climber")
    eventually(lambda: climber.get(path_of(RBAC, "roles", "climber", namespace)).status == 200)
    wanted = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    answer = climber.create(
        path_of(RBAC, "roles", namespace=namespace), {"metadata": {"name": "more"}, "rules": wanted}
    )
    assert is_forbidden(answer)
    assert "attempting to grant RBAC permissions not currently held" in answer.message
