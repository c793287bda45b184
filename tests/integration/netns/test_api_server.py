"""The proxy and an API server with a real network between them: IPv6 alone, and a line that goes dead."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from support.netns import Namespace, pod_and_world, run
from support.proxy_process import ProxyProcess, token
from support.raw_client import RawClient
from support.recording_origin import RecordingOrigin
from support.waiting import eventually
from support.watched_api import WatchedApi, kubeconfig

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="network namespaces are made by root"),
]


@frozen
class Site:
    """A proxy in `pod`, whose API server is in the world outside."""

    pod: Namespace
    proxy: ProxyProcess
    api: WatchedApi

    def status(self, path: str) -> int:
        with self.pod.entered(), RawClient(self.proxy.ingress) as client:
            head = b"GET %b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n\r\n" % (path.encode(), token())
            return client.send(head).answer().status

    def firewall(self, change: str) -> None:
        """`-A`: nothing comes in from outside any more, and nobody is told; `-D`: it does again."""
        for command in ("iptables", "ip6tables"):
            inside = ("ip", "netns", "exec", self.pod.name, command, "-w")
            run(*inside, change, "INPUT", "-i", "eth0", "-j", "DROP")


@pytest.fixture(params=["ipv4", "ipv6"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    version = request.param
    with pod_and_world() as (pod, world):
        family = socket.AF_INET6 if version == "ipv6" else socket.AF_INET
        address = world.ipv6 if version == "ipv6" else world.ipv4
        with world.entered():
            listener = socket.create_server((address, 8001), family=family)
        with RecordingOrigin(listener=listener) as server, pod.entered():
            api = WatchedApi(server)
            api.allow("/one")
            server.serve(api.talk)
            shown = f"[{address}]" if ":" in address else address
            (tmp_path / "hosts").write_text(f"api.kube-system.svc:8001 {shown}:8001\n")
            config = kubeconfig(tmp_path, "http://api.kube-system.svc:8001")
            flags = [f"--kubeconfig={config}", f"--connect-to-file={tmp_path / 'hosts'}"]
            flags += ["--provider=corp", "--policy=orders", "--ingress-upstream=127.0.0.1:9", "--egress-listen="]
            with ProxyProcess(tmp_path, None, *flags, wait=False) as proxy:
                eventually(lambda: proxy.admin("/ready").status == 200)
                yield Site(pod, proxy, api)
                proxy.check_log()


def test_k17_an_api_server_at_one_kind_of_address_alone(site: Site) -> None:
    """By IPv4 or by IPv6: policy is had and followed."""
    assert site.status("/one") == 502
    site.api.allow("/two")
    eventually(lambda: site.status("/two") == 502)
    assert site.status("/one") == 403


@pytest.mark.timeout(240)
@pytest.mark.parametrize("site", ["ipv4"], indirect=True)
def test_k04_a_line_that_goes_dead_without_a_word(site: Site) -> None:
    """The kernel notices within about half a minute; what changed meanwhile is in force soon after the line heals."""
    site.firewall("-A")
    site.api.allow("/two")
    eventually(lambda: site.proxy.of("watch"), 60)
    assert site.status("/one") == 502
    site.firewall("-D")
    eventually(lambda: site.status("/two") == 502, 45)
    assert site.status("/one") == 403
