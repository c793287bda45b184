import pytest
from OpenSSL.SSL import Error as SSLError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived

from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_proxy.shell.http_client import HostHttp, explained, within
from support.on_reactor import on_reactor, reactor
from support.raw_server import answer, chunk, chunked, raw_server


def client() -> HostHttp:
    return HostHttp(reactor, None, lambda _, __: None)


def test_a_plugin_gets_a_whole_answer() -> None:
    """Status, headers in lower case, body."""

    async def main() -> None:
        async with raw_server() as server:
            asked = Deferred.fromCoroutine(
                client().request("POST", f"http://127.0.0.1:{server.port}/t", headers={"x-a": "b"}, body=b"x")
            )
            connection = await server.next()
            connection.send(answer(b'{"a": 1}', "200 OK", "Cache-Control: no-store"))
            response = await asked
            assert (response.status, response.headers["cache-control"]) == (200, "no-store")
            assert response.json_object("x") == {"a": 1}
            assert connection.received.startswith(b"POST /t HTTP/1.1\r\n")

    on_reactor(main())


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://idp.example/jwks", id="E10-plain"),
        pytest.param("http://10.0.0.1/jwks", id="E10-plain-address"),
        pytest.param("file:///etc/passwd", id="E10-file"),
        pytest.param("http://169.254.169.254/latest", id="E10-metadata"),
        pytest.param("http://0xA9FEA9FE/", id="E10-metadata-number"),
        pytest.param("https://user@idp.example/", id="E10-user"),
        pytest.param("gopher://a/", id="E10-scheme"),
        pytest.param("", id="E10-empty"),
    ],
)
def test_e10_only_tls_or_ways_that_stay_inside(url: str) -> None:
    """Nothing is sent to any other URL."""
    with pytest.raises(Misconfigured, match="is refused: wanted https://"):
        on_reactor(client().request("GET", url))


@pytest.mark.attack("X14")
def test_j10_a_huge_answer_is_no_answer() -> None:
    """At most 1 MiB is read."""

    async def main() -> None:
        async with raw_server() as server:
            asked = Deferred.fromCoroutine(client().request("GET", f"http://127.0.0.1:{server.port}/"))
            (await server.next()).send(chunked() + chunk(b"x" * ((1 << 20) + 1)))
            with pytest.raises(Unavailable, match="longer than 1048576 bytes"):
                await asked

    on_reactor(main())


def test_a_server_that_is_not_there_is_unavailable() -> None:
    """The sentence holds the address without its query."""

    async def main() -> None:
        async with raw_server() as server:
            port = server.port
        with pytest.raises(Unavailable) as caught:
            await client().request("GET", f"http://127.0.0.1:{port}/x?secret=hunter2")
        assert f"127.0.0.1:{port}/x: no answer (" in str(caught.value)
        assert "hunter2" not in str(caught.value)

    on_reactor(main())


def test_a_failed_handshake_is_said_in_words() -> None:
    """OpenSSL's own form is a list of tuples; Twisted puts a list of failures around it."""
    error = SSLError([("SSL routines", "", "certificate verify failed")])
    said = "TLS failed: certificate verify failed; is its certificate of an authority that is trusted here?"
    assert explained(error) == said
    assert explained(ResponseNeverReceived([Failure(error)])) == said
    assert explained(SSLError([])) == "[]"


def test_the_pod_s_credentials_need_an_api_server() -> None:
    """Outside of a cluster there is none."""
    assert client().api_server is None
    with pytest.raises(Misconfigured, match="there is no API server here"):
        on_reactor(client().request("GET", "https://api.test/", as_pod=True))


class Api:
    url = "https://api.test"

    async def request(self, method: str, url: str, headers: object, body: bytes) -> Response:
        return Response(200, {}, f"{method} {url}".encode())


def test_the_api_server_is_asked_as_the_pod() -> None:
    """It has its own client."""
    http = HostHttp(reactor, Api(), lambda _, __: None)
    assert http.api_server == "https://api.test"
    assert on_reactor(http.request("GET", "https://api.test/x", as_pod=True)).body == b"GET https://api.test/x"


def test_j10_a_slow_drip_has_a_deadline(clock: Clock) -> None:
    """10 s from the first byte to the last."""
    waiting: Deferred[Response] = Deferred()
    errors: list[Failure] = []
    Deferred.fromCoroutine(within(clock, "https://idp.test/", waiting)).addErrback(errors.append)
    clock.advance(10)
    assert str(errors[0].value) == "https://idp.test/: no answer within 10 s"


def test_giving_up_is_no_failure_of_the_provider(clock: Clock) -> None:
    """Whoever gave up knows why."""
    waiting: Deferred[Response] = Deferred()
    errors: list[Failure] = []
    asked = Deferred.fromCoroutine(within(clock, "x", waiting)).addErrback(errors.append)
    asked.cancel()
    assert errors[0].check(CancelledError)


def test_wrapped_reasons_are_unfolded() -> None:
    """Twisted wraps what went wrong; each reason is told once."""
    reasons = [Failure(ValueError("bad\n certificate")), Failure(ValueError("bad certificate")), Failure(KeyError())]
    assert explained(ResponseNeverReceived(reasons)) == "bad certificate; KeyError"
