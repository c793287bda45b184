"""docs/providers/keycloak.md does what it says: its commands are run, from its own text, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.control_plane import ControlPlane, control_plane
from servers.deployment import install
from servers.keycloak import ADMIN, Keycloak
from servers.knative_sources import PingSources
from servers.public_issuer import PublicIssuer
from servers.reconcile_function import ReconcileFunction
from support.documents import page
from support.page_commands import Ran, run_page

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def mesh(public_issuer: PublicIssuer) -> Iterator[ControlPlane]:
    """A cluster with Aegis in it, whose issuer everybody can read: real API server, function and event sources."""
    with control_plane(issuer=public_issuer.url) as plane:
        public_issuer.plane = plane
        install(plane)
        with ReconcileFunction(plane) as function, function.source(), PingSources(plane) as pings:
            function.tick_often(pings)
            yield plane


def _assert_printed(name: str, ran: list[Ran]) -> None:
    """What the page shows as output was printed, line by line."""
    printed = "".join(block.output for block in ran).splitlines()
    for shown in page(name).blocks("text"):
        for line in shown.splitlines():
            assert line in printed, line


def test_the_tutorial(keycloak: Keycloak, mesh: ControlPlane, tmp_path: Path) -> None:
    """From an empty Keycloak to a token for a destination, and back to nothing."""
    environment = {
        "KEYCLOAK": keycloak.url,
        "KEYCLOAK_ADMIN": ADMIN,
        "KEYCLOAK_PASSWORD": keycloak.password,
        "CLUSTER_ISSUER": mesh.issuer,
        "KUBECONFIG": str(mesh.admin_kubeconfig),
    }
    _assert_printed(
        "docs/providers/keycloak.md", run_page(page("docs/providers/keycloak.md").path, environment, tmp_path, 500)
    )
    assert keycloak.admin("GET", "/realms/mesh/clients?clientId=aegis.tutorial.shop.checkout") == []
    scopes = [scope["name"] for scope in keycloak.admin("GET", "/realms/mesh/client-scopes")]
    assert not [name for name in scopes if name.startswith("aegis.")]
