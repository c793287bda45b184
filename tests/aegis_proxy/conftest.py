from collections.abc import Iterator

import pytest

from support.mesh import RULES, Mesh
from support.proxy_process import ProxyProcess, policy, provider, rule
from support.recording_origin import RecordingOrigin
from support.secret_search import outputs_hold_no_token

__all__ = ["outputs_hold_no_token"]


@pytest.fixture(scope="session")
def whole_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with RecordingOrigin() as origin:
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", "--access-log"]
        with ProxyProcess(tmp_path_factory.mktemp("mesh"), [provider(), policy(*RULES)], *flags) as proxy:
            yield Mesh(proxy, origin)


RAW = rule("raw", ["GET"], "/raw", "/exact%2Fname", allowEncodedSlash=True)


@pytest.fixture(scope="session")
def whole_mesh_opted_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with RecordingOrigin() as origin:
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}"]
        resources = [provider(), policy(*RULES, RAW)]
        with ProxyProcess(tmp_path_factory.mktemp("opted-in"), resources, *flags) as proxy:
            yield Mesh(proxy, origin)


@pytest.fixture
def mesh_opted_in(whole_mesh_opted_in: Mesh) -> Iterator[Mesh]:
    """The policy of `mesh`, and a rule that allows encoded slashes below /raw and in /exact%2Fname."""
    whole_mesh_opted_in.origin.reset()
    yield whole_mesh_opted_in
    whole_mesh_opted_in.proxy.check_log()


@pytest.fixture
def mesh(whole_mesh: Mesh) -> Iterator[Mesh]:
    """The one proxy, with an app that has forgotten earlier tests. O4 is checked at the end."""
    whole_mesh.origin.reset()
    yield whole_mesh
    whole_mesh.proxy.check_log()
