"""The two API servers that every test of this folder runs on, and a fresh namespace for each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.api_server import ApiServer
from support.kube_client import KubeClient, path_of

ROOT = Path(__file__).parents[3]
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", params=["embedded", pytest.param("real", marks=pytest.mark.servers)])
def api_server(request: pytest.FixtureRequest) -> ApiServer:
    """An API server with the CRDs of the mesh and one of the tests' own, `widgets.tests.example`."""
    server: ApiServer = request.getfixturevalue(f"{request.param}_control_plane")
    for file in [*sorted((ROOT / "crds").glob("*.yaml")), Path(__file__).with_name("widgets.yaml")]:
        server.install_crd(yaml.safe_load(file.read_text()))
    return server


@pytest.fixture
def client(api_server: ApiServer) -> KubeClient:
    """The administrator."""
    return api_server.client


@pytest.fixture
def namespace(client: KubeClient) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"api-{next(NUMBERS)}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).ok()
    yield name
    client.delete(path_of("v1", "namespaces", name)).ok()
