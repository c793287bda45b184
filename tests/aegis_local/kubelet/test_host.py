"""Where the files of pods lie."""

from pathlib import Path
from typing import Any, cast

from aegis_local.kubelet.host import Host


def test_logs_outlive_pods() -> None:
    """They lie beside the folders of pods, not within, and no two containers share one."""
    anything = cast(Any, None)
    host = Host(anything, anything, anything, anything, anything, Path("/s"), anything)
    assert host.log_file("n", "p", "c") == Path("/s/logs/n_p_c.log")
    assert host.pod_folder("0123456789abcdef") == Path("/s/pods/01234567")
