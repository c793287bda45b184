import resource
import socket

import pytest

from aegis_proxy.shell.descriptors import affordable, open_files, raise_limit


@pytest.fixture
def limits() -> object:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("limits")
def test_as_many_files_are_taken_as_there_may_be() -> None:
    """The soft limit is for those who use select(2)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert raise_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256


def test_what_the_system_refuses_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is what it was."""

    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    assert raise_limit() == 256


@pytest.mark.parametrize(
    ("wanted", "files", "had"), [(8192, 1 << 20, 8192), (8192, 4608, 1024), (10, 4608, 10), (8192, 256, 1)]
)
def test_d03_connections_fit_into_the_open_files(wanted: int, files: int, had: int) -> None:
    """Of both directions, each with its upstream, and some for the rest."""
    assert affordable(wanted, files) == had


def test_open_files_are_counted() -> None:
    """Sockets are files."""
    before = open_files()
    with socket.socket():
        assert open_files() == before + 1
