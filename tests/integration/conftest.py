"""Fixtures of the integration tier: the API servers that the tests run on.

Every test that takes `api_server` is written once and runs twice: on the embedded API of `aegis_local` always, and on a
real control plane with `--servers` (`task test-servers`). A difference between the two is a bug of the embedded one.
"""

from collections.abc import Iterator

import pytest

from servers import packages
from servers.build import TOOL_SETS, programs
from servers.control_plane import ControlPlane, control_plane
from support.embedded_api import EmbeddedApi, embedded_api
from support.secret_search import outputs_hold_no_token

__all__ = ["outputs_hold_no_token"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Real servers are asked for by name: building them the first time takes minutes."""
    parser.addoption("--servers", action="store_true", help="also run the tests on real servers, built when missing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs real servers unless they were asked for."""
    if _servers_wanted(config):
        return
    left_out = [item for item in items if item.get_closest_marker("servers")]
    items[:] = [item for item in items if not item.get_closest_marker("servers")]
    config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, where no test's deadline runs and progress is seen."""
    if _servers_wanted(session.config) and any(item.get_closest_marker("servers") for item in session.items):
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        assert isinstance(terminal, pytest.TerminalReporter)
        programs(*(name for tools in TOOL_SETS for name in tools.packages), report=terminal.write_line)
        packages.keycloak(terminal.write_line)
        packages.oidc_provider(terminal.write_line)


@pytest.fixture(scope="session")
def real_control_plane() -> Iterator[ControlPlane]:
    """One real control plane for all tests of the run; each test takes a namespace of its own."""
    with control_plane() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def embedded_control_plane() -> Iterator[EmbeddedApi]:
    """One embedded API for all tests of the run."""
    with embedded_api() as server:
        yield server


def _servers_wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--servers", default=False))
