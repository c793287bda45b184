"""Section 2.6 of the attack catalogue, on real sockets: where the app's requests go, and who gets the token.

Which token goes with which request is tested beside the code, in shell/test_egress.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from support.proxy_process import ProxyProcess, provider, resource
from support.raw_client import Answer, RawClient
from support.recording_origin import RecordingOrigin

DELIVERED = b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n"


@frozen
class Outbound:
    """A proxy on the way out. The names orders.shop.svc and attacker.example lead to `origin`."""

    proxy: ProxyProcess
    origin: RecordingOrigin

    def ask(
        self, host: str, *lines: bytes, target: bytes = b"/x", method: bytes = b"GET", one_by_one: bool = False
    ) -> Answer:
        head = b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: " + host.encode(), *lines, b"", b""])
        with RawClient(self.proxy.egress) as client:
            return client.send(head, one_by_one=one_by_one).answer(method=method)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outbound]:
    """Without an identity."""
    folder = tmp_path_factory.mktemp("plain")
    with RecordingOrigin() as origin:
        yield from running(folder, origin)


@pytest.fixture(scope="module")
def mesh_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outbound]:
    """With an identity whose provider says how tokens are checked, and not how one is got."""
    folder = tmp_path_factory.mktemp("pod")
    with RecordingOrigin() as origin:
        yield from running(folder, origin, "--identity=me", wait=False)


def running(folder: Path, origin: RecordingOrigin, *flags: str, wait: bool = True) -> Iterator[Outbound]:
    names = ("orders.shop.svc", "attacker.example", "metadata.google.internal")
    fixed = dict.fromkeys(names, f"127.0.0.1:{origin.port}") | {"metadata.google.internal": "169.254.169.254:80"}
    (folder / "hosts").write_text("".join(f"{name}:80 {address}\n" for name, address in fixed.items()))
    resources = [provider(), resource("Identity", "me", provider="corp")]
    more = [f"--connect-to-file={folder / 'hosts'}", "--ingress-listen=", "--access-log"]
    with ProxyProcess(folder, resources, *more, *flags, wait=wait) as proxy:
        yield Outbound(proxy, origin)
        proxy.check_log()


@pytest.fixture(autouse=True)
def forgetful(plain: Outbound, mesh_pod: Outbound) -> None:
    plain.origin.reset()
    mesh_pod.origin.reset()


FED = pytest.mark.parametrize("one_by_one", [False, True], ids=["whole", "one-by-one"])


@FED
@pytest.mark.parametrize("host", ["attacker.example", "Attacker.Example.", "attacker.example:80"])
def test_e01_a_strange_host_is_reached_without_a_token(mesh_pod: Outbound, host: str, one_by_one: bool) -> None:
    """X11: the request goes on as it came."""
    assert mesh_pod.ask(host, b"Accept: x", one_by_one=one_by_one).status == 200
    (seen,) = mesh_pod.origin.requests
    assert seen.fields == [b"Host: " + host.encode(), b"Accept: x"]


@pytest.mark.parametrize("host", ["orders.shop.svc", "orders", "ORDERS.shop.svc.cluster.local"])
def test_e08_a_host_of_the_mesh_is_not_reached_without_its_token(mesh_pod: Outbound, host: str) -> None:
    """It cannot be had: 503, and the request does not leave."""
    answer = mesh_pod.ask(host)
    assert (answer.status, answer.value(b"retry-after") is not None) == (503, True)
    assert mesh_pod.origin.requests == []


def test_e05_the_apps_own_credentials(plain: Outbound, mesh_pod: Outbound) -> None:
    """They pass where no token goes, and are refused where it does."""
    own = b"Authorization: Basic own"
    assert plain.ask("orders", own).status == 200
    assert plain.origin.requests[0].value(b"authorization") == b"Basic own"
    assert mesh_pod.ask("attacker.example", own).status == 200
    assert mesh_pod.ask("orders", own).status in (400, 503)
    assert [seen.target for seen in mesh_pod.origin.requests] == [b"/x"]


METADATA = ["169.254.169.254", "[fd00:ec2::254]", "169.254.170.2", "metadata.google.internal", "100.100.100.200"]


@FED
@pytest.mark.parametrize("host", [*METADATA, "[::ffff:169.254.169.254]", "0xA9.0xFE.0xA9.0xFE", "169.254.43518"])
def test_e03_metadata_is_out_of_reach(plain: Outbound, host: str, one_by_one: bool) -> None:
    """By address in any spelling, and by name."""
    assert plain.ask(host, one_by_one=one_by_one).status == 403


def test_e03_an_address_in_one_word_is_a_name(plain: Outbound) -> None:
    """A single label is a Service of the app's own namespace, and there is none of this name."""
    assert plain.ask("0xA9FEA9FE").status == 502


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "[::1]:{}", "127.9.9.9:{}", "localhost:{}", "[::ffff:127.0.0.1]:{}"])
def test_e04_the_proxy_does_not_go_round_in_circles(plain: Outbound, host: str) -> None:
    """Neither to where the app connects nor to its admin port."""
    for port in (plain.proxy.egress, plain.proxy.admin_port):
        assert plain.ask(host.format(port)).status == 403


def test_e04_other_ports_of_this_machine_are_the_apps_business(plain: Outbound) -> None:
    """It could go there itself."""
    assert plain.ask(f"127.0.0.1:{plain.origin.port}").status == 200


def test_e06_a_redirect_is_the_apps_to_follow(plain: Outbound) -> None:
    """The proxy asks nobody else."""
    plain.origin.answer(DELIVERED)
    answer = plain.ask("orders")
    assert (answer.status, answer.value(b"location")) == (302, b"http://evil.example/")
    assert len(plain.origin.requests) == 1


@FED
@pytest.mark.parametrize("target", [b"/public/../x//%2f;a", b"/%zz", b"/a?b=%20"])
def test_a_path_leaves_as_the_app_wrote_it(plain: Outbound, target: bytes, one_by_one: bool) -> None:
    """It is the next proxy's to judge; absolute-form becomes origin-form."""
    assert plain.ask("orders", target=target, one_by_one=one_by_one).status == 200
    assert plain.ask("orders", target=b"http://orders" + target, one_by_one=one_by_one).status == 200
    assert plain.origin.targets == [target, target]


@pytest.mark.parametrize("host", ["", "a b", "a:99999", "u@a", "[::1", "nowhere.invalid"])
def test_a_host_that_leads_nowhere(plain: Outbound, host: str) -> None:
    """400 for what is no host, 502 for one without an address."""
    assert plain.ask(host).status == (502 if host == "nowhere.invalid" else 400)


def test_an_identity_is_waited_for(mesh_pod: Outbound) -> None:
    """The pod is not ready before its first token."""
    answer = mesh_pod.proxy.admin("/ready")
    assert (answer.status, answer.body) == (503, b"not ready: token\n")


def test_outbound_requests_are_recorded(plain: Outbound) -> None:
    """With their direction."""
    plain.ask("orders", target=b"/recorded")
    assert 'direction="outbound",decision="plain"' in plain.proxy.metrics()
