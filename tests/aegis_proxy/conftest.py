from collections.abc import Iterator

import pytest

from support.mesh import RULES, Mesh
from support.proxy_process import ProxyProcess, policy, provider
from support.recording_origin import RecordingOrigin


@pytest.fixture(scope="session")
def whole_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with RecordingOrigin() as origin:
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", "--access-log"]
        with ProxyProcess(tmp_path_factory.mktemp("mesh"), [provider(), policy(*RULES)], *flags) as proxy:
            yield Mesh(proxy, origin)


@pytest.fixture
def mesh(whole_mesh: Mesh) -> Iterator[Mesh]:
    """The one proxy, with an app that has forgotten earlier tests. O4 is checked at the end."""
    whole_mesh.origin.reset()
    yield whole_mesh
    whole_mesh.proxy.check_log()
