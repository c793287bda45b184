"""The API server over real sockets. K rows: K02, K04 and K06, credentials that rotate (K15), certificates (K16, K17).

IPv6 alone (K17) and a line that goes dead (K04) are in tests/integration/netns.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.task import Clock
from zope.interface import implementer

from aegis_idp.errors import Misconfigured, Unavailable
from aegis_proxy.core.knowledge import Absent, Key, Pending, Present
from aegis_proxy.core.listing_words import Target
from aegis_proxy.shell.kube_api import KubeApi
from aegis_proxy.shell.kube_config import KubeConfig
from aegis_proxy.shell.watch import KubeSource
from servers.certificates import CertificateAuthority
from support.listings import bookmark, error, line, list_document, policy
from support.on_reactor import on_reactor, reactor
from support.proxy_log import ReadableLog
from support.raw_server import RawConnection, RawServer, answer, chunk, chunked, pause, raw_server, until

pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

ORDERS = Key("IngressPolicy", "orders")
TARGET = Target("aegis.aegisproxy.io/v1", "IngressPolicy", "shop", "orders")


def nowhere(_: str, __: int) -> None:
    return None


@pytest.fixture
def log() -> Iterator[ReadableLog]:
    log = ReadableLog()
    yield log
    log.close()


def listed(version: int, *items: object) -> bytes:
    return answer(json.dumps(list_document(version, *items)).encode())


def event(kind: str, document: object) -> bytes:
    return chunk(line(kind, document) + b"\n")


@asynccontextmanager
async def watching(log: ReadableLog) -> AsyncIterator[tuple[RawServer, KubeSource]]:
    async with raw_server() as server:
        api = KubeApi(reactor, KubeConfig(f"http://127.0.0.1:{server.port}"), log.log, nowhere)
        source = KubeSource(api, "shop", reactor, log.log, Random(7), Counter(), lambda: None)
        source.want(frozenset({ORDERS}))
        try:
            yield server, source
        finally:
            source.stop()


def path_of(source: KubeSource) -> bytes | None:
    held = source.held(ORDERS)
    return held.resource.rules[0].paths[0] if isinstance(held, Present) else None  # type: ignore[union-attr]  # a policy


async def opened(server: RawServer) -> RawConnection:
    """The next watch, with the head of its answer sent."""
    connection = await server.next()
    connection.send(chunked())
    return connection


def test_single_objects_are_listed_and_watched(log: ReadableLog) -> None:
    """By field selector; the list is a quorum read; the watch asks for bookmarks and a time limit."""

    async def main() -> None:
        async with watching(log) as (server, source):
            connection = await server.next()
            path = "/apis/aegis.aegisproxy.io/v1/namespaces/shop/ingresspolicies?fieldSelector=metadata.name%3Dorders"
            assert connection.target == path
            connection.send(listed(10, policy(7, path="/a")))
            watch = await opened(server)
            prefix = f"{path}&watch=true&resourceVersion=10&allowWatchBookmarks=true&timeoutSeconds="
            assert watch.target.startswith(prefix)
            assert 60 <= int(watch.target.removeprefix(prefix)) <= 120
            for part in event("MODIFIED", policy(11, path="/b")):
                watch.send(bytes([part]))
            await until(lambda: path_of(source) == b"/b")

    on_reactor(main())


def test_k02_a_watch_that_is_closed_again_and_again(log: ReadableLog) -> None:
    """It resumes where it was, without a list, and slower each time."""

    async def main() -> None:
        async with watching(log) as (server, _):
            (await server.next()).send(listed(10, policy(7)))
            watch = await opened(server)
            watch.send(event("BOOKMARK", bookmark(20)) + b"0\r\n\r\n")
            watch = await opened(server)
            assert "resourceVersion=20&" in watch.target
            watch.send(b"0\r\n\r\n")
            await pause(1.5)
            assert len(server.requests) == 3

    on_reactor(main())


def test_k03_a_reset_in_the_middle_of_an_event(log: ReadableLog) -> None:
    """The half is discarded, the rest had again from the last version."""

    async def main() -> None:
        async with watching(log) as (server, source):
            (await server.next()).send(listed(10, policy(7, path="/a")))
            watch = await opened(server)
            watch.send(event("MODIFIED", policy(11, path="/b")) + chunk(line("DELETED", policy(12))[:50]))
            await until(lambda: path_of(source) == b"/b")
            watch.reset()
            watch = await server.next()
            assert "resourceVersion=11&" in watch.target
            assert path_of(source) == b"/b"

    on_reactor(main())


def test_k04_a_server_that_accepts_and_never_answers(log: ReadableLog) -> None:
    """The deadline is the client's own: the connection is given up."""

    async def main() -> None:
        async with raw_server() as server:
            api = KubeApi(reactor, KubeConfig(f"http://127.0.0.1:{server.port}"), log.log, nowhere)
            clock: Any = _OwnDeadlines()
            source = KubeSource(api, "shop", clock, log.log, Random(7), Counter(), lambda: None)
            source.want(frozenset({ORDERS}))
            silent = await server.next()
            clock.advance(31)
            await silent.lost
            clock.advance(10)
            (await server.next()).send(listed(10, policy(7, path="/a")))
            await until(lambda: path_of(source) == b"/a")
            watch = await opened(server)
            await until(lambda: source._watchers[ORDERS].listing._opened is not None)
            clock.advance(131)
            await watch.lost
            (await server.next()).send(listed(20, policy(20, path="/b")))
            await until(lambda: path_of(source) == b"/b")
            source.stop()

    on_reactor(main())


class _OwnDeadlines(Clock):
    """The watcher's deadlines pass when the test says so; the sockets are real."""


def test_k06_410_leads_to_a_new_list(log: ReadableLog) -> None:
    """By status, and in the stream; the object that was deleted meanwhile is gone."""

    async def main() -> None:
        async with watching(log) as (server, source):
            (await server.next()).send(listed(10, policy(7, path="/a")))
            (await server.next()).send(answer(json.dumps(error(410)).encode(), "410 Gone"))
            (await server.next()).send(listed(90, policy(80, path="/b")))
            await until(lambda: path_of(source) == b"/b")
            watch = await opened(server)
            watch.send(event("ERROR", error(410)))
            await watch.lost
            (await server.next()).send(listed(190))
            await until(lambda: source.held(ORDERS) == Absent())

    on_reactor(main())


def test_k09_two_megabytes_byte_by_byte_or_at_once(log: ReadableLog) -> None:
    """Cut inside characters and escapes."""

    async def main() -> None:
        async with watching(log) as (server, source):
            big = policy(7, path="/a")
            big["metadata"]["annotations"] = {"note": "\u00e9\u20ac\U0001f600" * 200_000}
            body = json.dumps(list_document(10, big), ensure_ascii=False).encode()
            whole = answer(body)
            connection = await server.next()
            for start in range(0, len(whole), 65_537):
                connection.send(whole[start : start + 65_537])
            await until(lambda: path_of(source) == b"/a")

    on_reactor(main())


def test_k15_the_token_is_read_again(log: ReadableLog, tmp_path: Path) -> None:
    """On 401 at once, else once a minute; an empty or missing file keeps the old one."""

    async def main() -> None:
        token = tmp_path / "token"
        token.write_text("one\n")
        async with raw_server() as server:
            config = KubeConfig(f"http://127.0.0.1:{server.port}", token=token.read_bytes)
            clock = _Seconds()
            api = KubeApi(clock, config, log.log, nowhere)

            async def sent() -> str:
                asked = Deferred.fromCoroutine(api.list(TARGET))
                connection = await server.next()
                connection.send(answer(b"{}"))
                (await asked).abort()
                head = connection.received.decode().lower()
                return head.partition("authorization: bearer ")[2].partition("\r\n")[0]

            assert await sent() == "one"
            token.write_text("two")
            assert await sent() == "one"
            clock.later = 61
            assert await sent() == "two"
            token.write_text("three")
            api.reread_credentials()
            assert await sent() == "three"
            for spoil in (lambda: token.write_text(""), token.unlink):
                spoil()
                api.reread_credentials()
                assert await sent() == "three"
        assert "three" not in log.text()
        assert any(event["what"] == "token" for event in log.events())

    on_reactor(main())


class _Seconds:
    """The reactor at a later time."""

    later = 0.0

    def seconds(self) -> float:
        return reactor.seconds() + self.later

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


def test_a_plugin_asks_as_the_pod(log: ReadableLog) -> None:
    """Only this server; after a 401 the token is read again."""

    async def main() -> None:
        async with raw_server() as server:
            url = f"http://127.0.0.1:{server.port}"
            reads: list[int] = []

            def token() -> bytes:
                reads.append(1)
                return b"abc"

            api = KubeApi(reactor, KubeConfig(url, token=token), log.log, nowhere)
            for status in ("200 OK", "401 Unauthorized", "200 OK"):
                asked = Deferred.fromCoroutine(api.request("GET", f"{url}/openid/v1/jwks", {"accept": "x"}, b""))
                connection = await server.next()
                assert b"authorization: bearer abc\r\n" in connection.received.lower()
                connection.send(answer(b"", status))
                await asked
            assert len(reads) == 2
            with pytest.raises(Misconfigured, match="go to the API server"):
                await api.request("GET", "http://127.0.0.1:1/", {}, b"")

    on_reactor(main())


def test_k16_only_the_cluster_s_own_authority_vouches(log: ReadableLog, tmp_path: Path) -> None:
    """It may change; a bundle of old and new is good; nobody else's certificate is believed."""

    async def main() -> None:
        for name in ("old", "new"):
            (tmp_path / name).mkdir()
        old, new = CertificateAuthority(tmp_path / "old"), CertificateAuthority(tmp_path / "new")
        bundle = tmp_path / "ca.crt"
        async with raw_server(new.issue("api", addresses=["127.0.0.1"])) as server:
            url = f"https://127.0.0.1:{server.port}"
            api = KubeApi(reactor, KubeConfig(url, authority=bundle.read_bytes), log.log, nowhere)
            with pytest.raises(Unavailable, match="certificates for the API server cannot be read"):
                await api.list(TARGET)
            bundle.write_bytes(old.certificate_file.read_bytes())
            with pytest.raises(Exception, match=r"certificate verify failed"):
                await api.list(TARGET)
            for content in (
                new.certificate_file.read_bytes() + old.certificate_file.read_bytes(),
                new.certificate_file.read_bytes(),
                b"half written",
            ):
                bundle.write_bytes(content)
                api.reread_credentials()
                asked = Deferred.fromCoroutine(api.list(TARGET))
                (await server.next()).send(answer(b"{}"))
                got = await asked
                got.abort()
                assert got.status == 200
            assert len(server.requests) == 3

    on_reactor(main())


def test_k17_a_restart_with_another_clock(log: ReadableLog, tmp_path: Path) -> None:
    """A server whose certificate is of tomorrow is not believed, and what it told before stays; then it goes on."""

    async def main() -> None:
        authority = CertificateAuthority(tmp_path)
        good = authority.issue("api", addresses=["127.0.0.1"])
        early = authority.issue("early", addresses=["127.0.0.1"], starts=timedelta(hours=5))
        async with raw_server(good) as server:
            url = f"https://127.0.0.1:{server.port}"
            api = KubeApi(reactor, KubeConfig(url, authority.certificate_file.read_bytes), log.log, nowhere)
            source = KubeSource(api, "shop", reactor, log.log, Random(7), Counter(), lambda: None)
            source.want(frozenset({ORDERS}))
            (await server.next()).send(listed(10, policy(7, path="/a")))
            watch = await opened(server)
            watch.send(event("MODIFIED", policy(11, path="/b")))
            await until(lambda: path_of(source) == b"/b")
        async with raw_server(early, number=server.port) as wrong:
            await until(lambda: "certificate verify failed" in log.text())
            assert wrong.requests == []
            assert path_of(source) == b"/b"
        async with raw_server(good, number=server.port) as again:
            watch = await opened(again)
            assert "resourceVersion=11&" in watch.target
            watch.send(event("MODIFIED", policy(12, path="/c")))
            await until(lambda: path_of(source) == b"/c")
        source.stop()

    on_reactor(main())


@implementer(IHostnameResolver)
class _Names:
    """No name leads anywhere, until `known`."""

    def __init__(self) -> None:
        self.known = False
        self.asked = 0

    def resolveHostName(self, receiver: Any, name: Any, *_: Any, **named: Any) -> Any:  # type: ignore[override]  # as it is called
        self.asked += 1
        receiver.resolutionBegan(self)
        if self.known:
            receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", named["portNumber"]))
        receiver.resolutionComplete()
        return self


@pytest.fixture
def names() -> Iterator[_Names]:
    names = _Names()
    pluggable: Any = reactor
    before = pluggable.installNameResolver(names)
    yield names
    pluggable.installNameResolver(before)


def test_k17_a_name_that_does_not_resolve(log: ReadableLog, names: _Names) -> None:
    """It is asked for again, ever more slowly, and the watch begins once it leads somewhere."""

    async def main() -> None:
        async with raw_server() as server:
            api = KubeApi(reactor, KubeConfig(f"http://kubernetes.default.svc:{server.port}"), log.log, nowhere)
            source = KubeSource(api, "shop", reactor, log.log, Random(7), Counter(), lambda: None)
            source.want(frozenset({ORDERS}))
            await until(lambda: names.asked == 2)
            await pause(0.5)
            assert names.asked == 2
            assert source.held(ORDERS) == Pending()
            names.known = True
            (await server.next()).send(listed(10, policy(7, path="/a")))
            await until(lambda: path_of(source) == b"/a")
            source.stop()

    on_reactor(main())


def test_a_client_certificate_may_stand_in_for_a_token(log: ReadableLog, tmp_path: Path) -> None:
    """As kubeconfigs of administrators have it."""

    async def main() -> None:
        authority = CertificateAuthority(tmp_path)
        own = authority.issue("admin")
        async with raw_server(authority.issue("api", names=["kubernetes"])) as server:
            config = KubeConfig(
                f"https://127.0.0.1:{server.port}",
                authority=authority.certificate_file.read_bytes,
                certificate=own.certificate.read_bytes,
                key=own.key.read_bytes,
                server_name="kubernetes",
            )
            asked = Deferred.fromCoroutine(KubeApi(reactor, config, log.log, nowhere).list(TARGET))
            connection = await server.next()
            assert b"authorization" not in connection.received.lower()
            connection.send(answer(b"{}"))
            got = await asked
            got.abort()
            assert got.status == 200

    on_reactor(main())
