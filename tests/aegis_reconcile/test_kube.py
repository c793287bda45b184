"""What is said to an API server, and what its answers and failures become."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegis_idp.errors import Misconfigured
from aegis_reconcile.cluster import ClusterError, Conflict, Rejected, TryAgain
from aegis_reconcile.kube import KubeCluster, connect
from aegis_reconcile.objects import CLUSTER_ROLE, IDENTITY, POD, ROLE, Key
from support.scripted_kubernetes import ScriptedKubernetes

KEY = Key(IDENTITY, "shop", "cart")
BODY = {"apiVersion": "v", "kind": "k", "metadata": {"name": "cart", "namespace": "shop"}}
PATH = "/apis/aegis.aegisproxy.io/v1/namespaces/shop/identities"


@pytest.fixture
def api() -> Iterator[ScriptedKubernetes]:
    with ScriptedKubernetes() as server:
        yield server


@pytest.fixture
def cluster(api: ScriptedKubernetes, tmp_path: Path) -> KubeCluster:
    """A client whose token lies in a file, which a test may change."""
    (tmp_path / "token").write_text("t1")
    (tmp_path / "kubeconfig").write_text(api.kubeconfig({"tokenFile": str(tmp_path / "token")}))
    return KubeCluster(lambda: connect({"KUBECONFIG": str(tmp_path / "kubeconfig")}))


def test_get_reads_one_object_or_none(api: ScriptedKubernetes, cluster: KubeCluster) -> None:
    """An object that is not there is None; the token goes along."""
    api.will_answer(200, {"kind": "Identity"})
    assert cluster.get(KEY) == {"kind": "Identity"}
    assert cluster.get(Key(CLUSTER_ROLE, "", "aegis-proxy:shop:cart")) is None
    assert [asked.path for asked in api.asked] == [
        f"{PATH}/cart",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/aegis-proxy:shop:cart",
    ]
    assert api.asked[0].headers["authorization"] == "Bearer t1"


def test_connections_are_kept_for_all_that_ask_at_a_time(cluster: KubeCluster) -> None:
    """The ticks' lanes and the events together."""
    assert cluster._client.rest_client.pool_manager.connection_pool_kw["maxsize"] >= 32 + 8


def test_list_reads_all_pages_and_names_the_kind(api: ScriptedKubernetes, cluster: KubeCluster) -> None:
    """Items of built-in kinds do not say what they are: the reader is told."""
    api.will_answer(200, {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "next"}})
    api.will_answer(200, {"items": [{"metadata": {"name": "b"}}], "metadata": {}})
    found = cluster.list(POD, "shop", {"a": "b", "c": "d"})
    assert [(pod["kind"], pod["apiVersion"], pod["metadata"]["name"]) for pod in found] == [
        ("Pod", "v1", "a"),
        ("Pod", "v1", "b"),
    ]
    first, second = api.asked
    assert first.path == "/api/v1/namespaces/shop/pods"
    assert first.query == {"limit": "500", "labelSelector": "a=b,c=d"}
    assert second.query["continue"] == "next"
    api.will_answer(200, {"items": []})
    assert cluster.list(ROLE) == ()
    assert "labelSelector" not in api.asked[-1].query


def test_writes_are_said_as_kubernetes_wants_them(api: ScriptedKubernetes, cluster: KubeCluster) -> None:
    """One field manager; apply is forced; metadata is merged; a delete is of one uid."""
    for _ in range(5):
        api.will_answer(200, {"done": True})
    assert cluster.create(IDENTITY, BODY) == {"done": True}
    assert cluster.apply(IDENTITY, BODY) == {"done": True}
    assert cluster.apply_status(IDENTITY, BODY) == {"done": True}
    assert cluster.merge_metadata(KEY, {"finalizers": []}) == {"done": True}
    cluster.delete(KEY, "u1")
    said = [(asked.method, asked.path, asked.headers["content-type"]) for asked in api.asked]
    assert said == [
        ("POST", PATH, "application/json"),
        ("PATCH", f"{PATH}/cart", "application/apply-patch+yaml"),
        ("PATCH", f"{PATH}/cart/status", "application/apply-patch+yaml"),
        ("PATCH", f"{PATH}/cart", "application/merge-patch+json"),
        ("DELETE", f"{PATH}/cart", "application/json"),
    ]
    assert api.asked[0].query == api.asked[3].query == {"fieldManager": "aegis-reconcile"}
    assert api.asked[1].query == api.asked[2].query == {"fieldManager": "aegis-reconcile", "force": "true"}
    assert api.asked[1].body == BODY
    assert api.asked[3].body == {"metadata": {"finalizers": []}}
    assert api.asked[4].body == {"preconditions": {"uid": "u1"}, "propagationPolicy": "Background"}


def test_delete_of_what_is_gone_is_success(api: ScriptedKubernetes, cluster: KubeCluster) -> None:
    """Somebody was quicker."""
    cluster.delete(KEY, "u1")
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, TryAgain),
        (400, Rejected),
        (401, TryAgain),
        (403, Rejected),
        (404, Conflict),
        (409, Conflict),
        (410, TryAgain),
        (422, Rejected),
        (429, TryAgain),
        (500, TryAgain),
        (503, TryAgain),
        (504, TryAgain),
    ],
)
def test_answers_become_what_a_caller_can_do(
    api: ScriptedKubernetes, cluster: KubeCluster, status: int, error: type[ClusterError]
) -> None:
    """Read again, try again, or give up: the server's own words are in the text."""
    api.will_answer(status, {"message": "the server's own words"})
    with pytest.raises(ClusterError) as caught:
        cluster.apply(IDENTITY, BODY)
    assert type(caught.value) is error
    assert f"{status}: the server's own words" in str(caught.value)


def test_kind_that_is_not_there_is_refused(api: ScriptedKubernetes, cluster: KubeCluster) -> None:
    """A collection that answers 404 is a CRD that is missing, or a namespace that is."""
    for ask in (lambda: cluster.list(IDENTITY), lambda: cluster.create(IDENTITY, BODY)):
        with pytest.raises(Rejected):
            ask()


def test_right_to_read_may_come_back(api: ScriptedKubernetes, cluster: KubeCluster) -> None:
    """An API server that starts refuses everybody until it knows its roles; the event must not be lost by that."""
    for ask in (lambda: cluster.get(KEY), lambda: cluster.list(IDENTITY)):
        api.will_answer(403, {"message": "forbidden"})
        with pytest.raises(TryAgain, match="403: forbidden"):
            ask()


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), ("soon", None), ("", None), ("99999999", None)])
def test_wait_that_the_server_asks_for_is_kept(
    api: ScriptedKubernetes, cluster: KubeCluster, header: str, seconds: float | None
) -> None:
    """Retry-After in seconds goes along with the error."""
    api.will_answer(429, {}, Retry_After=header)
    with pytest.raises(TryAgain) as caught:
        cluster.get(KEY)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]"])
def test_answer_that_is_no_object_is_tried_again(api: ScriptedKubernetes, cluster: KubeCluster, body: bytes) -> None:
    """A page of something in between is no answer."""
    api.will_answer(200, body)
    with pytest.raises(TryAgain):
        cluster.get(KEY)
    api.will_answer(500, body)
    with pytest.raises(TryAgain, match="says 500"):
        cluster.get(KEY)


def test_no_answer_is_tried_again(tmp_path: Path) -> None:
    """A server that is not there, and a token file that went away, may both come back."""
    with ScriptedKubernetes() as api:
        (tmp_path / "kubeconfig").write_text(api.kubeconfig({"token": "t1"}))
        cluster = KubeCluster(lambda: connect({"KUBECONFIG": str(tmp_path / "kubeconfig")}))
    with pytest.raises(TryAgain, match="no answer of the API server"):
        cluster.get(KEY)


def test_token_that_ran_out_is_read_again(api: ScriptedKubernetes, cluster: KubeCluster, tmp_path: Path) -> None:
    """After a 401 the next call goes out with the token of the day."""
    api.will_answer(401, {})
    with pytest.raises(TryAgain):
        cluster.get(KEY)
    (tmp_path / "token").write_text("t2")
    api.will_answer(401, {})
    with pytest.raises(TryAgain):
        cluster.get(KEY)
    assert cluster.get(KEY) is None
    assert [asked.headers["authorization"] for asked in api.asked] == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_plugins_call_the_api_server_with_the_functions_own_token(
    api: ScriptedKubernetes, cluster: KubeCluster, tmp_path: Path
) -> None:
    """The token is handed over as a Secret; a client certificate is none."""
    server = cluster.api_server()
    assert server.url == api.url
    assert server.token().reveal() == "t1"
    assert "t1" not in repr(server)
    (tmp_path / "kubeconfig").write_text(api.kubeconfig({"username": "u", "password": "p"}))
    certificate = KubeCluster(lambda: connect({"KUBECONFIG": str(tmp_path / "kubeconfig")}))
    with pytest.raises(Misconfigured):
        certificate.api_server().token()


def test_pod_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a cluster, without KUBECONFIG, the mounted token is the way in; without one the function waits."""
    pod: Any = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(TryAgain, match="no way to the API server"):
        connect(pod)
    with pytest.raises(TryAgain, match="no way to the API server"):
        connect({"KUBECONFIG": str(tmp_path / "none")})
