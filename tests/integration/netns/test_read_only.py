"""The proxy in a mount namespace of its own, where nothing can be written to."""

import os
import sys
from pathlib import Path

import pytest

from support.mesh import RULES, request
from support.proxy_process import ProxyProcess, policy, provider
from support.raw_client import RawClient
from support.recording_origin import RecordingOrigin

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="file systems are mounted by root"),
]

# Remounts every file system but the kernel's own, shows that it cannot write, and becomes Python.
READ_ONLY = f"""#!/bin/sh
exec unshare --mount --propagation private sh -c '
while read -r _ _ _ _ point _; do
    case "$point" in /proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$point" || exit 90 ;; esac
done < /proc/self/mountinfo
if touch "$0.written" 2> /dev/null || touch /tmp/written 2> /dev/null; then exit 91; fi
exec {sys.executable} "$@"' "$0" "$@"
"""


def test_s10_a_root_file_system_that_is_read_only(tmp_path: Path) -> None:
    """Requests pass both ways with bodies of a megabyte, resources are read, and the end is clean."""
    python = tmp_path / "python"
    python.write_text(READ_ONLY)
    python.chmod(0o755)
    large = os.urandom(1 << 20)
    with RecordingOrigin() as origin:
        origin.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(large), large))
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", "--access-log"]
        with ProxyProcess(tmp_path, [provider(), policy(*RULES)], *flags, python=str(python)) as proxy:
            with RawClient(proxy.ingress) as client:
                length = b"Content-Length: %d" % len(large)
                assert client.send(request(b"/upload", length, method=b"POST", body=large)).answer().body == large
            assert origin.requests[0].body == large
            proxy.stop()
            assert proxy.wait() == 0
        proxy.check_log()
    assert not Path(f"{python}.written").exists()
