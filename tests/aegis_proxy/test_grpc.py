"""gRPC through the real command, with a real implementation (grpcio) as caller and as app."""

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from support.grpc_app import GrpcApp
from support.proxy_process import ProxyProcess, policy, provider, resource, rule, token
from support.raw_client import RawClient
from support.tokens import ISSUER
from support.waiting import eventually

_BIG = 4 * 1024 * 1024
_RULES = (
    rule("orders", ["POST", "PUT", "GET"], "/shop.Orders"),
    rule("health", ["POST"], "/grpc.health.v1.Health", unauthenticated=True),
)


@pytest.fixture(scope="module")
def app() -> Iterator[GrpcApp]:
    with GrpcApp() as app:
        yield app


@pytest.fixture(scope="module")
def proxy(app: GrpcApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    flags = ("--policy=orders", "--provider=corp", f"--ingress-upstream=127.0.0.1:{app.port}", "--access-log")
    folder = tmp_path_factory.mktemp("grpc")
    with ProxyProcess(folder, [provider(), policy(*_RULES)], *flags) as proxy:
        yield proxy
        proxy.check_log()


@pytest.fixture
def channel(proxy: ProxyProcess) -> Iterator[Any]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{proxy.ingress}", options) as channel:
        yield channel


def metadata(**claims: object) -> tuple[tuple[str, str], ...]:
    return (("authorization", "Bearer " + token(**claims).decode()),)


def test_u06_unary_calls_pass_with_metadata_and_trailers(channel: Any, app: GrpcApp) -> None:
    """A unary call gives the app its metadata and the caller, and brings back message, status and trailers."""
    answer, call = channel.unary_unary("/shop.Orders/Get").with_call(
        b"hello", metadata=(*metadata(), ("x-note", "kept"))
    )
    assert answer == b"hello"
    assert call.code() is grpc.StatusCode.OK
    assert ("served-by", "app") in [tuple(each) for each in call.trailing_metadata()]
    method, came, _ = app.calls[-1]
    assert method == "Get"
    assert came["x-note"] == "kept"
    assert came["x-aegis-identity"] == "system:serviceaccount:shop:identity01"
    assert "authorization" not in came


def test_u06_a_status_of_the_app_passes(channel: Any) -> None:
    """The app's own status and message reach the caller as they are."""
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/shop.Orders/Fail")(b"", metadata=metadata())
    error: Any = failed.value
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not today: 100% sure")


def test_u06_streams_of_all_kinds_pass(channel: Any) -> None:
    """Server-, client- and bidirectional streams carry every message, in order."""
    listed = channel.unary_stream("/shop.Orders/List")(b"1000", metadata=metadata())
    assert [int(each) for each in listed] == list(range(1000))
    assert channel.stream_unary("/shop.Orders/Put")(iter([b"x" * 10_000] * 50), metadata=metadata()) == b"500000"
    said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    heard = channel.stream_stream("/shop.Orders/Chat")(iter(said.get, None), metadata=metadata())
    for word in (b"one", b"two", b"three"):
        said.put(word)
        assert next(heard) == word
    said.put(None)
    assert list(heard) == []


def test_u06_large_messages_pass_both_ways(channel: Any) -> None:
    """Messages far larger than any window arrive whole."""
    message = bytes(range(256)) * (_BIG // 256)
    assert channel.unary_unary("/shop.Orders/Get")(message, metadata=metadata()) == message


@pytest.mark.parametrize(
    ("credentials", "path", "code"),
    [
        ((), "/shop.Orders/Get", grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", "Bearer nonsense"),), "/shop.Orders/Get", grpc.StatusCode.UNAUTHENTICATED),
        (None, "/shop.Secrets/Get", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_u06_refusals_are_statuses(
    channel: Any, app: GrpcApp, credentials: tuple[tuple[str, str], ...] | None, path: str, code: Any
) -> None:
    """A refused caller gets UNAUTHENTICATED or PERMISSION_DENIED, and the app sees nothing."""
    seen = len(app.calls)
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(path)(b"", metadata=metadata() if credentials is None else credentials)
    error: Any = failed.value
    assert error.code() is code
    assert "decision" in error.details()
    assert len(app.calls) == seen


def test_u06_deadlines_are_passed_on(channel: Any, app: GrpcApp) -> None:
    """The app knows how long its caller waits, and hears when that is over."""
    app.cancelled.clear()
    with pytest.raises(grpc.RpcError) as failed:
        list(channel.unary_stream("/shop.Orders/Wait")(b"", metadata=metadata(), timeout=0.5))
    error: Any = failed.value
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    left = app.calls[-1][2]
    assert left is not None
    assert 0 < left <= 0.5
    assert app.cancelled.wait(10)


def test_u06_a_cancelled_call_is_cancelled_at_the_app(channel: Any, app: GrpcApp) -> None:
    """A caller that gives up frees the app of the work."""
    app.cancelled.clear()
    call = channel.unary_stream("/shop.Orders/Wait")(b"", metadata=metadata())
    assert next(call) == b"waiting"
    call.cancel()
    assert app.cancelled.wait(10)


def test_u06_a_call_that_the_app_gives_up_ends_for_its_caller(tmp_path: Path) -> None:
    """Within the answer, and at once: not only when the deadline has passed."""
    with GrpcApp() as app:
        flags = ("--policy=orders", "--provider=corp", f"--ingress-upstream=127.0.0.1:{app.port}")
        with (
            ProxyProcess(tmp_path, [provider(), policy(*_RULES)], *flags) as proxy,
            grpc.insecure_channel(f"127.0.0.1:{proxy.ingress}") as channel,
        ):
            call = channel.unary_stream("/shop.Orders/Wait")(b"", metadata=metadata(), timeout=60)
            assert next(call) == b"waiting"
            app.stop()
            with pytest.raises(grpc.RpcError) as failed:
                next(call)
            error: Any = failed.value
            assert error.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
            proxy.check_log()


def test_u02_each_stream_is_judged_by_its_own_token(channel: Any, proxy: ProxyProcess) -> None:
    """Three calls at a time on one connection, with a good token, a stranger's and none: each gets its own verdict."""
    get = channel.unary_unary("/shop.Orders/Get")
    stranger = metadata(sub="system:serviceaccount:shop:other")
    calls = [get.future(b"", metadata=each) for each in (metadata(), stranger, ())]
    codes = [call.code() for call in calls]
    assert codes == [grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED]
    eventually(lambda: [each for each in proxy.of("access") if each["path"] == "/shop.Orders/Get"] != [])


def test_an_app_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    """A caller of an app that does not listen gets UNAVAILABLE."""
    with GrpcApp() as app:
        port = app.port
    flags = ("--policy=orders", "--provider=corp", f"--ingress-upstream=127.0.0.1:{port}")
    with (
        ProxyProcess(tmp_path, [provider(), policy(*_RULES)], *flags) as proxy,
        grpc.insecure_channel(f"127.0.0.1:{proxy.ingress}") as channel,
    ):
        with pytest.raises(grpc.RpcError) as failed:
            channel.unary_unary("/shop.Orders/Get")(b"", metadata=metadata())
        error: Any = failed.value
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "decision" in error.details()


@pytest.mark.parametrize("protocol", ["h2c", "auto"])
def test_callers_of_http1_reach_an_app_that_speaks_http2_alone(app: GrpcApp, tmp_path: Path, protocol: str) -> None:
    """A message with its length before it, posted in chunks by HTTP/1.1, is echoed by grpcio as by HTTP/2."""
    flags = ("--policy=orders", "--provider=corp", f"--ingress-upstream=127.0.0.1:{app.port}")
    message = b"\0\0\0\0\5hello"
    head = b"POST /shop.Orders/Get HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n" % token()
    head += b"Content-Type: application/grpc\r\nTE: trailers\r\n"
    with (
        ProxyProcess(tmp_path, [provider(), policy(*_RULES)], *flags, f"--ingress-protocol={protocol}") as proxy,
        RawClient(proxy.ingress) as client,
    ):
        if protocol == "auto":  # grpcio resets what is no gRPC; by then its language is known
            client.send(b"PUT /shop.Orders/Get HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n\r\n" % token())
            assert client.answer().status == 502
        for body in (b"a\r\n%b\r\n0\r\n\r\n" % message, b"1\r\n\0\r\n9\r\n%b\r\n0\r\n\r\n" % message[1:]):
            client.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + body)
            answer = client.answer()
            assert (answer.status, answer.body) == (200, message)
            assert answer.value(b"content-type") == b"application/grpc"
        client.send(
            b"GET /shop.Orders/Get HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n"
            b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" % token()
        )
        assert client.answer().status == 501
        proxy.check_log()


def test_calls_get_the_pods_token_on_their_way_out(proxy: ProxyProcess, app: GrpcApp, tmp_path: Path) -> None:
    """The app calls a Service of the mesh in plain HTTP/2; through both proxies it arrives as who it is."""
    (tmp_path / "token").write_bytes(token())
    (tmp_path / "hosts").write_text(
        f"orders.shop.svc:80 127.0.0.1:{proxy.ingress}\nother.example:80 127.0.0.1:{proxy.ingress}\n"
    )
    resources = [
        resource("IdentityProvider", "cluster", type="kubernetes", audience="aegis", config={"issuer": ISSUER}),
        resource("Identity", "identity01", provider="cluster"),
    ]
    flags = ("--identity=identity01", f"--token-file={tmp_path / 'token'}", "--ingress-listen=", "--access-log")
    hosts = f"--connect-to-file={tmp_path / 'hosts'}"
    with ProxyProcess(tmp_path, resources, *flags, hosts) as egress:
        codes = {}
        for host in ("orders.shop.svc", "other.example"):
            options = [("grpc.default_authority", host), ("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(f"127.0.0.1:{egress.egress}", options) as channel:
                call = channel.unary_unary("/shop.Orders/Get").future(b"out")
                codes[host] = call.code()
        assert codes == {"orders.shop.svc": grpc.StatusCode.OK, "other.example": grpc.StatusCode.UNAUTHENTICATED}
        assert app.calls[-1][1]["x-aegis-identity"] == "system:serviceaccount:shop:identity01"
        verdicts = eventually(
            lambda: len(egress.of("access")) == 2 and [each["verdict"] for each in egress.of("access")]
        )
        assert verdicts == ["token", "plain"]
        egress.check_log()


def test_an_open_call_ends_when_it_would_be_refused(app: GrpcApp, tmp_path: Path) -> None:
    """A policy that no longer lets its caller in ends it with PERMISSION_DENIED."""
    flags = ("--policy=orders", "--provider=corp", f"--ingress-upstream=127.0.0.1:{app.port}", "--stream-grace=1")
    with (
        ProxyProcess(tmp_path, [provider(), policy(*_RULES)], *flags) as proxy,
        grpc.insecure_channel(f"127.0.0.1:{proxy.ingress}") as channel,
    ):
        app.cancelled.clear()
        call = channel.unary_stream("/shop.Orders/Wait")(b"", metadata=metadata())
        assert next(call) == b"waiting"
        proxy.apply(provider(), policy(rule("none", ["GET"], "/none")))
        with pytest.raises(grpc.RpcError) as failed:
            next(call)
        error: Any = failed.value
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert app.cancelled.wait(10)
