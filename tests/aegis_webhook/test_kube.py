"""The API server, asked over HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aegis_api.identity import Identity
from aegis_api.reading import ParseError
from aegis_api.resources import API_VERSION, CLUSTER_IDENTITY_PROVIDER, IDENTITY
from aegis_webhook.cluster import ClusterError
from aegis_webhook.kube import KubeCluster, connect
from support.admission import kubeconfig

IDENTITY_PATH = f"/apis/{API_VERSION}/namespaces/shop/identities/orders"
DOCUMENT = {
    "apiVersion": API_VERSION,
    "kind": "Identity",
    "metadata": {"name": "orders", "namespace": "shop"},
    "spec": {"provider": "local"},
}


class Api(ThreadingHTTPServer):
    """Answers paths with a status and a body, and records who asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.seen: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["authorization"]))
        status, body = self.server.answers.get(self.path, (404, b'{"kind":"Status"}'))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # the base class names it so
        """Tests are quiet."""


@pytest.fixture
def api() -> Iterator[Api]:
    """A running API server of a few answers."""
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> KubeCluster:
    """The cluster by a kubeconfig."""
    return KubeCluster(connect({"KUBECONFIG": kubeconfig(tmp_path, api.url)}))


def test_objects_are_read_with_our_credentials(api: Api, cluster: KubeCluster) -> None:
    """An object is asked for by its path and read by the parser that all parts share."""
    api.answers[IDENTITY_PATH] = (200, json.dumps(DOCUMENT).encode())
    found = cluster.get(IDENTITY, "shop", "orders")
    assert isinstance(found, Identity)
    assert found.provider == "local"
    assert api.seen == [(IDENTITY_PATH, "Bearer the-token")]


def test_what_is_not_there_is_none(api: Api, cluster: KubeCluster) -> None:
    """Cluster-scoped kinds have no namespace in their path; a namespace that is not there has no labels."""
    assert cluster.get(CLUSTER_IDENTITY_PROVIDER, "", "shared") is None
    assert cluster.namespace_labels("shop") == {}
    assert [path for path, _ in api.seen] == [
        f"/apis/{API_VERSION}/clusteridentityproviders/shared",
        "/api/v1/namespaces/shop",
    ]


def test_labels_of_a_namespace(api: Api, cluster: KubeCluster) -> None:
    """Labels are what a selector is held against."""
    api.answers["/api/v1/namespaces/shop"] = (200, b'{"metadata": {"labels": {"team": "orders"}}}')
    assert cluster.namespace_labels("shop") == {"team": "orders"}


@pytest.mark.parametrize(
    "answer",
    [(403, b"{}"), (500, b"oops"), (200, b"[]"), (200, b"no JSON"), (302, b"")],
    ids=lambda answer: str(answer),
)
def test_other_answers_are_errors(api: Api, cluster: KubeCluster, answer: tuple[int, bytes]) -> None:
    """A refusal, an outage or nonsense is never taken for an absent object."""
    api.answers[IDENTITY_PATH] = answer
    with pytest.raises(ClusterError, match=f"the API server answered {answer[0]}"):
        cluster.get(IDENTITY, "shop", "orders")


def test_an_object_that_cannot_be_read_says_where(api: Api, cluster: KubeCluster) -> None:
    """What the API server holds may be older than this parser."""
    api.answers[IDENTITY_PATH] = (200, json.dumps({**DOCUMENT, "spec": {}}).encode())
    with pytest.raises(ParseError, match="spec: got no provider"):
        cluster.get(IDENTITY, "shop", "orders")


def test_a_silent_server_is_an_error(tmp_path: Path) -> None:
    """The error names the path, and no credentials."""
    cluster = KubeCluster(connect({"KUBECONFIG": kubeconfig(tmp_path, "http://127.0.0.1:9")}))
    with pytest.raises(ClusterError, match="no answer of the API server") as error:
        cluster.get(IDENTITY, "shop", "orders")
    assert "the-token" not in str(error.value)


def test_no_way_to_the_api_server(tmp_path: Path) -> None:
    """Neither a kubeconfig nor a ServiceAccount: the error says so."""
    with pytest.raises(ClusterError, match="neither a kubeconfig nor a ServiceAccount"):
        connect({"KUBECONFIG": str(tmp_path / "absent")})
    with pytest.raises(ClusterError, match="neither a kubeconfig nor a ServiceAccount"):
        connect({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
