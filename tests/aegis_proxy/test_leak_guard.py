"""The leak guard as one invariant, on real sockets: which bytes ever carry the pod's token, or its callers'.

That a redirected connection's dialled address must be one of the host that it names is tested in shell/test_egress.py
and, with a real redirection, in integration/netns.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from aegis_idp.mounts import token_file
from support.proxy_process import ProxyProcess, policy, provider, resource, rule, token
from support.raw_client import Answer, RawClient
from support.recording_origin import RecordingOrigin

AUDIENCE = "aegis"
NAMES = (
    "orders.shop.svc",
    "billing.shop.svc",
    "orders.shop.svc.evil.example",
    "partner.example",
    "127.0.0.1.evil.example",
)


@frozen
class Pod:
    """A proxy whose names all lead to `origin`, which is its app, too. `token` is what its identity has."""

    proxy: ProxyProcess
    origin: RecordingOrigin
    token: bytes

    def get(self, host: str, *lines: bytes, target: bytes = b"/", inbound: bool = False) -> Answer:
        head = b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: " + host.encode(), *lines, b"", b""])
        with RawClient(self.proxy.ingress if inbound else self.proxy.egress) as client:
            return client.send(head).answer(method=b"GET")

    def carried(self) -> list[bytes | None]:
        """The Authorization of each request that arrived, and nothing of the token anywhere else in it."""
        for seen in self.origin.requests:
            others = [line for line in seen.fields if not line.lower().startswith(b"authorization:")]
            assert self.token not in b"".join([seen.target, *others])
        return [seen.value(b"authorization") for seen in self.origin.requests]


@pytest.fixture(scope="module")
def origin() -> Iterator[RecordingOrigin]:
    with RecordingOrigin() as server:
        yield server


def running(folder: Path, origin: RecordingOrigin, *flags: str, has_token: bool = True) -> Iterator[Pod]:
    own = token(sub="system:serviceaccount:shop:me", aud=[AUDIENCE])
    if has_token:
        (folder / token_file(AUDIENCE)).write_bytes(own)
    (folder / "hosts").write_text("".join(f"{name}:80 127.0.0.1:{origin.port}\n" for name in NAMES))
    resources = [
        provider(),
        resource("IdentityProvider", "pods", type="kubernetes", audience=AUDIENCE),
        resource(
            "Identity", "me", provider="pods", egress={"hosts": ["orders.shop.svc", "partner.example", "127.0.0.1"]}
        ),
        policy(rule("all", ["GET"], "/")),
    ]
    settings = [
        "--identity=me",
        "--provider=corp",
        "--policy=orders",
        f"--token-file={folder / token_file(AUDIENCE)}",
        f"--connect-to-file={folder / 'hosts'}",
        f"--ingress-upstream=127.0.0.1:{origin.port}",
    ]
    with ProxyProcess(folder, resources, *settings, *flags, wait=has_token) as proxy:
        yield Pod(proxy, origin, own)
        proxy.check_log()


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, origin: RecordingOrigin) -> Iterator[Pod]:
    yield from running(tmp_path_factory.mktemp("pod"), origin)


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory, origin: RecordingOrigin) -> Iterator[Pod]:
    """With --egress-authorization keep."""
    yield from running(tmp_path_factory.mktemp("keeping"), origin, "--egress-authorization=keep")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, origin: RecordingOrigin) -> Iterator[Pod]:
    """Its token cannot be had: the file is not there."""
    yield from running(tmp_path_factory.mktemp("bare"), origin, has_token=False)


@pytest.fixture(autouse=True)
def forgetful(origin: RecordingOrigin) -> None:
    origin.reset()


@pytest.mark.parametrize("host", ["orders.shop.svc", "orders", "Orders.Shop.SVC.cluster.local.:80"])
def test_e01_a_host_of_the_rule_gets_the_token(pod: Pod, host: str) -> None:
    """In each spelling of that one host."""
    assert pod.get(host).status == 200
    assert pod.carried() == [b"Bearer " + pod.token]


@pytest.mark.parametrize("host", ["billing.shop.svc", "orders.shop.svc.evil.example", "127.0.0.1.evil.example"])
def test_e01_no_rule_no_token(pod: Pod, host: str) -> None:
    """A neighbour, and names that begin like a listed one, are reached without it."""
    assert pod.get(host).status == 200
    assert pod.carried() == [None]


def test_e02_plain_text_only_within_the_cluster_and_on_loopback(pod: Pod) -> None:
    """A listed host outside is refused, not asked without the token; a loopback address gets it."""
    assert pod.get("partner.example").status == 503
    assert pod.carried() == []
    assert pod.get(f"127.0.0.1:{pod.origin.port}").status == 200
    assert pod.carried() == [b"Bearer " + pod.token]


def test_e02_a_tunnel_gets_no_token(pod: Pod) -> None:
    """What CONNECT carries is not the proxy's to read, nor to add to."""
    with RawClient(pod.proxy.egress) as client:
        assert client.send(b"CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n").answer().status == 403
    assert pod.carried() == []


@pytest.mark.parametrize(
    ("target", "lines"),
    [(b"http://billing.shop.svc/", ()), (b"http://orders@billing.shop.svc/", ()), (b"/", (b"Host: billing.shop.svc",))],
)
def test_e02_two_hosts_in_one_request_are_refused(pod: Pod, target: bytes, lines: tuple[bytes, ...]) -> None:
    """Target and Host must name the same host: else one would be judged and the other asked."""
    assert pod.get("orders.shop.svc", *lines, target=target).status == 400
    assert pod.carried() == []


def test_e07_a_token_that_came_in_goes_nowhere(pod: Pod) -> None:
    """The app never gets it, so it cannot pass it on; what goes out bears the pod's own."""
    theirs = token()
    answer = pod.get("orders", b"Authorization: Bearer " + theirs, inbound=True)
    assert answer.status == 200
    (seen,) = pod.origin.requests
    assert theirs not in b"".join([seen.target, *seen.fields])
    assert theirs not in answer.body
    assert pod.get("orders").status == 200
    assert pod.carried() == [None, b"Bearer " + pod.token]


def test_e05_an_apps_own_authorization(pod: Pod, keeping: Pod) -> None:
    """It is kept outside of the rule; inside it is refused or kept, as the setting says, and never beside the token."""
    own = b"Authorization: Basic own"
    assert pod.get("billing.shop.svc", own).status == 200
    assert pod.get("orders", own).status == 400
    assert pod.carried() == [b"Basic own"]
    assert keeping.get("orders", own).status == 200
    assert keeping.get("orders").status == 200
    assert keeping.get("billing.shop.svc", own).status == 200
    assert keeping.carried() == [b"Basic own", b"Basic own", b"Bearer " + keeping.token, b"Basic own"]


def test_e08_a_token_that_cannot_be_had_fails_the_request(bare: Pod) -> None:
    """Nothing leaves without the token that it should bear; other hosts are none of that."""
    answer = bare.get("orders")
    assert (answer.status, answer.value(b"retry-after") is not None) == (503, True)
    assert bare.carried() == []
    assert bare.get("billing.shop.svc").status == 200
    assert bare.carried() == [None]
