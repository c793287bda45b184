"""The proxy and an API server with a real network between them: IPv6 alone, and a line that goes dead."""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import field, frozen

from support.listings import line, list_document
from support.netns import Namespace, pod_and_world, run
from support.proxy_process import ProxyProcess, policy, provider, rule, token
from support.raw_client import RawClient
from support.recording_origin import Connection, RecordingOrigin
from support.waiting import eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="network namespaces are made by root"),
]


def stored(document: dict[str, Any], version: int) -> dict[str, Any]:
    """As the API server gives it out."""
    metadata = {**document["metadata"], "namespace": "shop", "uid": "u1", "resourceVersion": str(version)}
    return {**document, "metadata": metadata}


@frozen
class Api:
    """A provider, and a policy that lets GET one path; lists and watches on a recording server."""

    server: RecordingOrigin
    changed: threading.Condition = field(factory=threading.Condition)
    versions: list[str] = field(factory=list)
    """The paths that were allowed so far; the version of each is its number and 100."""

    def allow(self, path: str) -> None:
        with self.changed:
            self.versions.append(path)
            self.changed.notify_all()

    def policy(self) -> dict[str, Any]:
        return stored(policy(rule("only", ["GET"], self.versions[-1])), 100 + len(self.versions))

    def talk(self, connection: Connection) -> None:
        """One request for each connection."""
        head = connection.head()
        if head is None:
            return
        target = head.split(b" ")[1].decode()
        document = self.policy() if "/ingresspolicies" in target else None
        document = stored(provider(), 1) if "/identityproviders" in target else document
        if "watch=true" in target:
            if "/ingresspolicies" in target:
                self._watch(connection, int(parse_qs(urlsplit(target).query)["resourceVersion"][0]) - 100)
            connection.receive()
            return
        kind = document["kind"] if document else "ClusterIdentityProvider"
        body = json.dumps(
            list_document(100 + len(self.versions), *([document] if document else []), kind=kind)
        ).encode()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)

    def _watch(self, connection: Connection, known: int) -> None:
        """Tells of the first change after version `known`."""
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with self.changed:
            while len(self.versions) <= known and not connection.ended.is_set():
                self.changed.wait(0.5)
        event = line("MODIFIED", self.policy()) + b"\n"
        connection.send(b"%x\r\n%b\r\n" % (len(event), event))


@frozen
class Site:
    """A proxy in `pod`, whose API server is in the world outside."""

    pod: Namespace
    proxy: ProxyProcess
    api: Api

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
            api = Api(server)
            api.allow("/one")
            server.serve(api.talk)
            shown = f"[{address}]" if ":" in address else address
            (tmp_path / "hosts").write_text(f"api.kube-system.svc:8001 {shown}:8001\n")
            (tmp_path / "kubeconfig").write_text(KUBECONFIG)
            flags = [f"--kubeconfig={tmp_path / 'kubeconfig'}", f"--connect-to-file={tmp_path / 'hosts'}"]
            flags += ["--provider=corp", "--policy=orders", "--ingress-upstream=127.0.0.1:9", "--egress-listen="]
            with ProxyProcess(tmp_path, None, *flags, wait=False) as proxy:
                eventually(lambda: proxy.admin("/ready").status == 200)
                yield Site(pod, proxy, api)
                proxy.check_log()


KUBECONFIG = """
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "http://api.kube-system.svc:8001"}}]
"""


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
