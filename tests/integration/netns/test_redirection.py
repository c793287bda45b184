"""The redirection on a real kernel: the real rules, the real proxy, an app and its peers, by IPv4 and IPv6.

The proxy runs as root here and `--proxy-uid` says so: which user it is makes no difference to the rules.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from support.mesh import RULES, bearer, request
from support.netns import Namespace, as_user, pod_and_world, run
from support.proxy_process import ProxyProcess, policy, provider, resource, token
from support.raw_client import RawClient
from support.recording_origin import Connection, RecordingOrigin
from support.tokens import ISSUER
from support.waiting import eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="network namespaces are made by root"),
]

APP = 1000
PROXY = os.geteuid()
FLAGS = ("--ingress-port=3127", "--inbound-ports=8080", "--egress-port=3128")
BOTH = pytest.mark.parametrize("version", [4, 6])


@frozen
class Pod:
    """`app` listens within the pod, `peer` outside of it, each at one port of all addresses."""

    inside: Namespace
    outside: Namespace
    proxy: ProxyProcess
    app: RecordingOrigin
    peer: RecordingOrigin

    @contextmanager
    def call_in(self, version: int) -> Iterator[RawClient]:
        """A client outside, connected to the app."""
        with self.outside.entered(), RawClient(8080, host=_address(self.inside, version)) as client:
            yield client

    @contextmanager
    def call_out(self, version: int, user: int = APP, host: str = "") -> Iterator[RawClient]:
        """A client within the pod, connected to the peer."""
        with (
            self.inside.entered(),
            as_user(user),
            RawClient(80, host=host or _address(self.outside, version)) as client,
        ):
            yield client


def _address(namespace: Namespace, version: int) -> str:
    return namespace.ipv4 if version == 4 else namespace.ipv6


def _redirect(*flags: str) -> None:
    run(sys.executable, "-m", "aegis_proxy", "redirect", *flags)


def _origin(stack: ExitStack, port: int) -> RecordingOrigin:
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    return stack.enter_context(RecordingOrigin(listener=listener))


@contextmanager
def _pod(folder: Path, proxy_uid: int) -> Iterator[Pod]:
    (folder / "token").write_bytes(token())
    with ExitStack() as stack:
        inside, outside = stack.enter_context(pod_and_world())
        with outside.entered():
            peer = _origin(stack, 80)
        (folder / "hosts").write_text(f"v4.shop.svc:80 {outside.ipv4}:80\nv6.shop.svc:80 [{outside.ipv6}]:80\n")
        flags = [
            "--ingress-listen=0.0.0.0:3127",
            "--egress-listen=127.0.0.1:3128",
            "--admin-listen=127.0.0.1:3129",
            "--redirect=iptables",
            "--provider=corp",
            "--policy=orders",
            "--identity=identity01",
            f"--token-file={folder / 'token'}",
            f"--connect-to-file={folder / 'hosts'}",
            "--access-log",
        ]
        resources = [
            provider(),
            policy(*RULES),
            resource("IdentityProvider", "cluster", type="kubernetes", audience="aegis", config={"issuer": ISSUER}),
            resource("Identity", "identity01", provider="cluster"),
        ]
        with inside.entered():
            app = _origin(stack, 8080)
            _redirect(f"--proxy-uid={proxy_uid}", *FLAGS)
            proxy = stack.enter_context(ProxyProcess(folder, resources, *flags))
        yield Pod(inside, outside, proxy, app, peer)
        proxy.check_log()


@pytest.fixture(scope="module")
def whole_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    with _pod(tmp_path_factory.mktemp("pod"), PROXY) as pod:
        yield pod


@pytest.fixture
def pod(whole_pod: Pod) -> Pod:
    whole_pod.app.reset()
    whole_pod.peer.reset()
    return whole_pod


@BOTH
def test_what_comes_in_is_judged(pod: Pod, version: int) -> None:
    """A caller connects to the app's own port and meets the proxy, which goes on to the same port on loopback."""
    with pod.call_in(version) as client:
        assert client.send(request(auth=False)).answer().status == 401
        assert client.send(request()).answer().status == 200
    (seen,) = pod.app.requests
    assert seen.value(b"x-aegis-identity") == b"system:serviceaccount:shop:identity01"
    assert seen.value(b"x-forwarded-for") == _address(pod.outside, version).encode()


@BOTH
def test_what_goes_out_gets_the_token(pod: Pod, version: int) -> None:
    """The app knows of nothing; the request arrives where it was bound for."""
    with pod.call_out(version) as client:
        assert client.send(request(host=b"v%d.shop.svc" % version, auth=False)).answer().status == 200
    (seen,) = pod.peer.requests
    assert seen.value(b"authorization") == b"Bearer " + token_of(pod)


def token_of(pod: Pod) -> bytes:
    return (pod.proxy.resources.parent / "token").read_bytes()


@BOTH
def test_e02_a_host_does_not_get_a_token_elsewhere(pod: Pod, version: int) -> None:
    """The name in the request is one of the mesh; where the app is going is not where that name leads."""
    with pod.call_out(version) as client:
        assert client.send(request(host=b"v%d.shop.svc" % (10 - version), auth=False)).answer().status == 200
    (seen,) = pod.peer.requests
    assert seen.value(b"authorization") is None


@BOTH
def test_what_the_proxy_sends_is_not_redirected(pod: Pod, version: int) -> None:
    """Or it would go round in circles: its user goes straight out, without a token."""
    with pod.call_out(version, user=PROXY) as client:
        assert client.send(request(host=b"v%d.shop.svc" % version, auth=False)).answer().status == 200
    (seen,) = pod.peer.requests
    assert seen.value(b"authorization") is None
    assert seen.value(b"host") == b"v%d.shop.svc" % version


def _echo(first: bytes) -> Callable[[Connection], None]:
    """Says `first`, then everything back."""

    def serve(connection: Connection) -> None:
        connection.send(first)
        while connection.receive():
            connection.send(connection.data)
            connection.data = b""

    return serve


@BOTH
def test_e07_tls_goes_out_untouched(pod: Pod, version: int) -> None:
    """From its first byte, both ways, and half-closed at its end."""
    pod.peer.serve(_echo(b""))
    hello = b"\x16\x03\x01\x00\x05hello" * 1000
    with pod.call_out(version) as client:
        assert client.send(hello).finish().rest() == hello


@BOTH
def test_e07_a_server_may_speak_first(pod: Pod, version: int) -> None:
    """As SSH does."""
    pod.peer.serve(_echo(b"SSH-2.0-x\r\n"))
    with pod.call_out(version) as client:
        eventually(lambda: client.socket.recv(11, socket.MSG_PEEK) == b"SSH-2.0-x\r\n")
        assert client.send(b"SSH-2.0-y\r\n").finish().rest() == b"SSH-2.0-x\r\nSSH-2.0-y\r\n"


def test_e03_metadata_is_out_of_reach(pod: Pod) -> None:
    """Whatever is spoken there."""
    with pod.call_out(4, host="169.254.169.254") as client:
        assert client.send(request(host=b"169.254.169.254", auth=False)).answer().status == 403
    with pod.call_out(4, host="169.254.169.254") as client:
        client.send(b"\x16\x03\x01\x00\x05hello")
        with pytest.raises(ConnectionResetError):
            client.rest()


@BOTH
def test_the_pod_reaches_itself_past_the_proxy(pod: Pod, version: int) -> None:
    """What stays inside is nobody's business."""
    with pod.inside.entered(), as_user(APP), RawClient(8080, host="127.0.0.1" if version == 4 else "::1") as client:
        assert client.send(request(auth=False)).answer().status == 200
    assert pod.app.requests[0].value(b"x-aegis-identity") is None


def test_w09_a_second_run_changes_nothing(pod: Pod) -> None:
    """The init container may run again: rule by rule, everything stays as it is."""
    with pod.inside.entered():
        before = _rules()
        _redirect(f"--proxy-uid={PROXY}", *FLAGS)
        assert _rules() == before
        assert [rules.count("-A PREROUTING -p tcp -j AEGIS_INBOUND") for rules in before] == [1, 1]


def _rules() -> list[str]:
    """Of both families, without comments and counters."""
    saved = [run(tool, "-t", "nat") for tool in ("iptables-save", "ip6tables-save")]
    return ["\n".join(line for line in text.splitlines() if line[0] in "*-") for text in saved]


@BOTH
@pytest.mark.parametrize("data", [request(host=b"a.example", auth=False), b"\x16\x03\x01hello"], ids=["HTTP", "TLS"])
def test_e04_a_proxy_that_is_redirected_to_itself_stops_at_once(tmp_path: Path, version: int, data: bytes) -> None:
    """The rules name another user than it runs as: its own connection comes back, and is refused the first time."""
    with _pod(tmp_path, proxy_uid=1137) as pod:
        with pod.call_out(version) as client:
            client.send(data)
            try:
                assert client.answer().status == 502
            except (ConnectionResetError, EOFError):
                assert data[0] == 0x16
        refused = eventually(lambda: pod.proxy.of("refused"))
        assert [each["reason"] for each in refused].count("loop") == 1
        assert pod.peer.connections == []


@BOTH
def test_the_token_of_a_caller_stays_with_the_proxy(pod: Pod, version: int) -> None:
    """The app that was called does not see it."""
    with pod.call_in(version) as client:
        assert client.send(request()).answer().status == 200
    assert bearer() not in pod.app.requests[0].head
