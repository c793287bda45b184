"""Fixtures of the tests that only real servers can answer."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.build import programs
from servers.control_plane import ControlPlane
from servers.deployment import install, no_right_missing
from servers.keycloak import Keycloak, started_keycloak
from servers.knative_sources import PingSources
from servers.public_issuer import PublicIssuer
from servers.reconcile_function import ReconcileFunction
from servers.vault import VaultServer
from servers.webhook_function import WebhookFunction
from support.kube_client import path_of

NUMBERS = itertools.count(1)


@pytest.fixture
def namespace(real_control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"servers-{next(NUMBERS)}"
    client = real_control_plane.client
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).ok()
    yield name
    client.delete(path_of("v1", "namespaces", name)).ok()


@pytest.fixture(scope="session")
def deployed_mesh(real_control_plane: ControlPlane) -> ControlPlane:
    """The control plane with the kinds and the rights of the mesh."""
    install(real_control_plane)
    return real_control_plane


@pytest.fixture(scope="session")
def webhook_function(
    deployed_mesh: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebhookFunction]:
    """The admission function as a process. A module that wants it called registers it."""
    with WebhookFunction(deployed_mesh, tmp_path_factory.mktemp("tls")) as started:
        yield started


@pytest.fixture(scope="session")
def reconcile_function(deployed_mesh: ControlPlane) -> Iterator[ReconcileFunction]:
    """The reconcile function as a process. A test that wants it to hear something starts its sources."""
    with ReconcileFunction(deployed_mesh) as started:
        yield started


@pytest.fixture(scope="module")
def mesh(
    deployed_mesh: ControlPlane, webhook_function: WebhookFunction, reconcile_function: ReconcileFunction
) -> Iterator[ControlPlane]:
    """All of it runs, and nothing of it asks the API server for more than its rights."""
    with (
        no_right_missing(deployed_mesh, "aegis-webhook", "aegis-reconcile", "aegis-events"),
        webhook_function.registered(),
        reconcile_function.source(),
        PingSources(deployed_mesh) as pings,
    ):
        reconcile_function.tick_often(pings)
        yield deployed_mesh


@pytest.fixture(scope="session")
def public_issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicIssuer]:
    """An issuer that Keycloak can reach, for one control plane."""
    with PublicIssuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield issuer


@pytest.fixture(scope="session")
def keycloak(public_issuer: PublicIssuer) -> Iterator[Keycloak]:
    """One Keycloak for all tests of the run; each module takes a realm of its own."""
    with started_keycloak(public_issuer.ca_file) as server:
        yield server


@pytest.fixture(scope="session")
def vault_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """One real Vault for all tests of the run; each test makes auth methods of its own."""
    log = tmp_path_factory.mktemp("vault") / "vault.log"
    with VaultServer(programs("vault")["vault"], log) as started:
        yield started


@pytest.fixture
def own_vault(tmp_path: Path) -> Iterator[VaultServer]:
    """One with nothing in it, which the test may break."""
    with VaultServer(programs("vault")["vault"], tmp_path / "vault.log") as started:
        yield started
