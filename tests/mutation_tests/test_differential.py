"""The comparison with other proxies, without the proxies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mutation import peers
from mutation.differential import Meaning, Other, Ours, compare, meaning
from mutation.origin import Seen
from mutation.peer_origin import PeerOrigin, take_loosely
from support.raw_client import RawClient
from support.recording_origin import RecordingOrigin

GET = b"GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture
def ours() -> Iterator[Ours]:
    """A proxy that lets everything through: the app itself, as it were."""
    with RecordingOrigin() as origin:
        yield Ours(origin.port, origin)


@pytest.fixture
def agreeing() -> Iterator[Other]:
    with PeerOrigin() as origin:
        yield Other("open", origin.port, origin)


@pytest.fixture
def refusing() -> Iterator[Other]:
    with PeerOrigin() as origin, RecordingOrigin() as front:
        front.answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        yield Other("closed", front.port, origin)


def test_one_peer_that_agrees_is_enough(ours: Ours, agreeing: Other, refusing: Other) -> None:
    """Each has peculiarities of its own."""
    assert compare(ours, [agreeing, refusing], GET) == ("200", [])


def test_what_all_peers_refuse_is_found(ours: Ours, refusing: Other) -> None:
    """The finding shows what each of them made of it."""
    _, found = compare(ours, [refusing], GET)
    assert found == ["no peer sends on (b'GET', b'/public', b'', b''): {'closed': []}"]


def test_what_no_policy_allows_is_found(ours: Ours, agreeing: Other) -> None:
    """O2, on real sockets too; whatever the peers do."""
    _, found = compare(ours, [agreeing], GET.replace(b"/public", b"/public/../admin"))
    assert "O2: the app saw b'GET' b'/public/../admin'" in found


def test_an_answer_that_is_not_the_apps_is_found(ours: Ours, agreeing: Other) -> None:
    """O1: as many requests at the app as the client got answers of it."""
    with RecordingOrigin() as front:
        found = compare(Ours(front.port, ours.origin), [agreeing], GET)[1]
    assert found == ["O1: 0 requests at the app, [200] to the client"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/a?b=%2F", (b"GET", b"/a", b"?b=%2F", b"x")),
        (b"/%61/../b", (b"GET", b"/b", b"", b"x")),
        (b"http://host/a%2fb", (b"GET", b"/a%2Fb", b"", b"x")),
        (b"http://host", (b"GET", b"/", b"", b"x")),
        (b"*", (b"GET", b"*", b"", b"x")),
        (b"//a", None),
    ],
)
def test_the_meaning_of_a_request_is_what_matters(target: bytes, expected: Meaning | None) -> None:
    """Peers send targets on as they came, our proxy in canonical form."""
    assert meaning(Seen(b"GET", target, (), b"x")) == expected


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        (b"GET / HTTP/1.1\r\n", None),
        (b"g3t /x HTTP/1.1\r\n\r\nrest", (b"g3t", b"", b"rest")),
        (b"A / HTTP/1.1\r\nContent-Length: 2\r\n\r\nokmore", (b"A", b"ok", b"more")),
        (b"A / HTTP/1.1\r\nContent-Length: 2\r\n\r\no", None),
        (b"A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n!", (b"A", b"ok", b"!")),
        (b"A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n", None),
        (b"A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no", None),
        (b"A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2", None),
    ],
)  # fmt: skip
def test_the_app_behind_a_peer_reads_loosely(data: bytes, taken: tuple[bytes, bytes, bytes] | None) -> None:
    """Any method, extensions and trailers: peers pass on what ours drops."""
    found = take_loosely(data)
    assert (found and (found[0].method, found[0].body, found[1])) == taken


def test_the_app_behind_a_peer_answers(agreeing: Other) -> None:
    """Each request of a pipeline; a HEAD without a body. Nonsense ends the connection."""
    with RawClient(agreeing.port) as client:
        client.send(b"HEAD / HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\nGET\r\n\r\n")
        assert client.answer(method=b"HEAD").status == 200
        assert client.answer().body == b"ok"
        assert client.rest() == b""
    assert [request.target for request in agreeing.origin.requests] == [b"/", b"/x"]


def test_peers_are_told_how_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the foreground, on the port that they are given; one that is missing says how to install it."""
    monkeypatch.setattr(peers, "_program", Path)
    for peer in peers.PEERS:
        launch = peer.prepare(tmp_path, 1234, 5678)
        assert launch.port == 1234
        config = Path(launch.command[-1]).read_text()
        assert "127.0.0.1:1234" in config
        assert "127.0.0.1:5678" in config
    monkeypatch.undo()
    with pytest.raises(peers.Missing, match="apt-get install nginx-light haproxy"):
        peers._program("no-such-peer")
