"""Fixtures of the tests that only real servers can answer."""

import itertools
from collections.abc import Iterator

import pytest

from servers.control_plane import ControlPlane
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
