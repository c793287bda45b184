"""Requests of our own over real sockets on loopback."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, PrivateCertificate, trustRootFromCertificates

from aegis_idp.errors import Unavailable
from aegis_proxy.shell.dial import Answer, RefusedAddress, Tls, ask
from aegis_proxy.shell.http_client import explained
from servers.certificates import CertificateAuthority
from support.on_reactor import on_reactor, reactor
from support.raw_server import answer, chunk, chunked, raw_server, until

# Twisted's own certificates hand pyOpenSSL objects of its older types.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def nowhere(_: str, __: int) -> None:
    return None


def asking(url: str, **changes: Any) -> "Deferred[Answer]":
    arguments = {"headers": {"accept": "text/plain"}, "tls": Tls(), "redirected": nowhere, **changes}
    return Deferred.fromCoroutine(ask(reactor, arguments.pop("method", "GET"), url, **arguments))


def test_a_request_gets_its_answer() -> None:
    """Head first, then the body; the connection serves one request."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/a?b=c%20d")
            connection = await server.next()
            connection.send(answer(b"hello", "201 Created", "X-Test: a", "X-Test: b"))
            got = await asked
            assert (got.status, got.headers["x-test"], await got.read(5)) == (201, "a, b", b"hello")
            assert connection.target == "/a?b=c%20d"
            assert b"accept: text/plain\r\n" in connection.received.lower()
            assert b"accept-encoding: identity\r\n" in connection.received.lower()
            await connection.lost

    on_reactor(main())


def test_a_body_is_sent_with_its_length() -> None:
    """As forms are posted."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/", method="POST", body=b"a=b")
            connection = await server.next()
            await until(lambda: connection.received.endswith(b"\r\n\r\na=b"))
            assert b"Content-Length: 3\r\n" in connection.received
            connection.send(answer(b""))
            assert await (await asked).read(0) == b""

    on_reactor(main())


def test_e06_a_redirect_is_not_followed() -> None:
    """It is the answer."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/")
            (await server.next()).send(answer(b"", "302 Found", "Location: http://169.254.169.254/"))
            assert (await asked).status == 302
            assert len(server.requests) == 1

    on_reactor(main())


def test_a_body_has_a_bound() -> None:
    """The connection is closed when it is reached."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/")
            connection = await server.next()
            connection.send(chunked() + chunk(b"x" * 11))
            got = await asked
            with pytest.raises(Unavailable, match="longer than 10 bytes"):
                await got.read(10)
            await connection.lost

    on_reactor(main())


def test_a_coding_that_was_not_asked_for_is_refused() -> None:
    """A small answer cannot unfold into a large one."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/")
            bomb = gzip.compress(b"0" * 1_000_000)
            (await server.next()).send(answer(bomb, "200 OK", "Content-Encoding: gzip"))
            with pytest.raises(Unavailable, match="content coding"):
                await asked

    on_reactor(main())


def test_k03_a_body_that_is_cut_short_is_an_error() -> None:
    """By its length, or by its chunks."""

    async def main() -> None:
        async with raw_server() as server:
            for cut in (answer(b"hello")[:-1], chunked() + chunk(b"hello")):
                asked = asking(f"http://127.0.0.1:{server.port}/")
                connection = await server.next()
                connection.send(cut)
                got = await asked
                connection.close()
                with pytest.raises(Exception, match=r".") as caught:
                    await got.read(100)
                assert explained(caught.value) != ""

    on_reactor(main())


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    """HTTP/1.0 servers do that."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/")
            connection = await server.next()
            connection.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
            got = await asked
            connection.close()
            assert await got.read(100) == b"hello"

    on_reactor(main())


def test_giving_up_closes_the_connection() -> None:
    """While the head or the body is waited for."""

    async def main() -> None:
        async with raw_server() as server:
            asked = asking(f"http://127.0.0.1:{server.port}/")
            connection = await server.next()
            asked.addErrback(lambda _: None)
            asked.cancel()
            await connection.lost
            asked = asking(f"http://127.0.0.1:{server.port}/")
            connection = await server.next()
            connection.send(chunked())
            body = Deferred.fromCoroutine((await asked).read(100))
            body.addErrback(lambda _: None)
            body.cancel()
            await connection.lost

    on_reactor(main())


def test_a_file_says_where_a_name_leads() -> None:
    """--connect-to-file: no DNS is asked, and the Host is the name."""

    async def main() -> None:
        async with raw_server() as server:

            def redirected(host: str, port: int) -> tuple[str, int] | None:
                return ("127.0.0.1", server.port) if (host, port) == ("idp.test", 80) else None

            asked = asking("http://idp.test/", redirected=redirected)
            connection = await server.next()
            assert b"host: idp.test\r\n" in connection.received.lower()
            connection.send(answer(b""))
            await asked

    on_reactor(main())


def test_e10_a_name_that_leads_to_a_refused_address() -> None:
    """Whatever the name, the address decides; nothing is sent there."""

    async def main() -> None:
        async with raw_server(interface="0.0.0.0") as server:
            with pytest.raises(RefusedAddress, match="no address of a host"):
                await asking("http://idp.test/", redirected=lambda _, __: ("0.0.0.0", server.port))
            assert server.requests == []

    on_reactor(main())


def test_tls_needs_somebody_who_vouches(tmp_path: Path) -> None:
    """The certificate's issuer and its name both count; with a client certificate of ours if there is one."""

    async def main() -> None:
        authority = CertificateAuthority(tmp_path)
        pair = authority.issue("api", names=["api.test"], addresses=["127.0.0.1"])
        own = authority.issue("me")
        roots = trustRootFromCertificates([Certificate.loadPEM(authority.certificate_file.read_bytes())])
        client = PrivateCertificate.loadPEM(own.key.read_bytes() + own.certificate.read_bytes())
        async with raw_server(pair) as server:
            url = f"https://127.0.0.1:{server.port}/"
            for tls in (Tls(roots), Tls(roots, client, "api.test")):
                asked = asking(url, tls=tls)
                (await server.next()).send(answer(b"hello"))
                assert await (await asked).read(5) == b"hello"
            said = []
            for wrong in (Tls(), Tls(roots, name="other.test")):
                with pytest.raises(Exception, match=r".") as caught:
                    await asking(url, tls=wrong)
                said.append(explained(caught.value))
            assert "certificate verify failed" in said[0]
            assert "other.test" in said[1] or "verif" in said[1].lower()
            assert len(server.requests) == 2

    on_reactor(main())
