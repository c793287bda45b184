import base64
import socket
from pathlib import Path

import pytest

from aegis_local.kube.webhook_call import CallFailedError, Target, call, no_services, target_of
from support.on_reactor import on_reactor, reactor
from support.webhook_server import WebhookServer

CA = base64.b64encode(b"pem").decode()


def test_services_are_resolved() -> None:
    """SNI and Host are the Service's name, the address is where it really is."""
    config = {"service": {"name": "w", "namespace": "n", "port": 8443, "path": "mutate"}, "caBundle": CA}
    target = target_of(config, 7, lambda namespace, name, port: ("127.0.0.1", 5))
    assert target == Target("https://w.n.svc:8443/mutate?timeout=7s", "w.n.svc", ("127.0.0.1", 5), b"pem")


def test_urls_are_taken_as_they_are() -> None:
    """With the timeout as a parameter."""
    target = target_of({"url": "https://host/x?a=b"}, 10, no_services)
    assert (target.url, target.address, target.trusted) == ("https://host/x?a=b&timeout=10s", ("host", 443), b"")
    assert target_of({"url": "https://127.0.0.1:5/x"}, 1, no_services).address == ("127.0.0.1", 5)


def test_unknown_services_fail() -> None:
    """As an endpoint that is not there."""
    with pytest.raises(CallFailedError, match='service "w" not found'):
        target_of({"service": {"name": "w", "namespace": "n"}}, 10, no_services)


def test_reviews_are_posted(tmp_path: Path) -> None:
    """Over TLS that the bundle vouches for."""
    with WebhookServer(tmp_path) as server:
        target = target_of(server.client_config("/x"), 5, no_services)
        answer = on_reactor(call(reactor, target, {"request": {"uid": "1"}}, 5))
    assert b'"uid": "1"' in answer
    assert server.calls[0].path == "/x?timeout=5s"


def test_the_name_must_fit_the_certificate(tmp_path: Path) -> None:
    """A webhook that shows another name is not called."""
    with WebhookServer(tmp_path) as server:
        config = server.client_config("/x")
        port = int(config["url"].rsplit(":", 1)[1].split("/")[0])
        service = {"service": {"name": "w", "namespace": "n", "path": "/x"}, "caBundle": config["caBundle"]}
        target = target_of(service, 5, lambda *_: ("127.0.0.1", port))
        with pytest.raises(CallFailedError, match=r"failed to call webhook: Post .https://w.n.svc:443/x.timeout=5s"):
            on_reactor(call(reactor, target, {}, 5))
        unknown = target_of({"url": config["url"]}, 5, no_services)
        with pytest.raises(CallFailedError):
            on_reactor(call(reactor, unknown, {}, 5))
    assert server.calls == []


def test_errors_of_the_webhook_are_failures(tmp_path: Path) -> None:
    """A code that is no success."""
    with WebhookServer(tmp_path, lambda request: {}[0]) as server, pytest.raises(CallFailedError):  # type: ignore[index]  # it must fail
        on_reactor(call(reactor, target_of(server.client_config("/x"), 5, no_services), {}, 5))


def test_slow_webhooks_are_given_up() -> None:
    """When the timeout is over."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = target_of({"url": f"https://127.0.0.1:{silent.getsockname()[1]}/x"}, 1, no_services)
        with pytest.raises(CallFailedError, match="context deadline exceeded"):
            on_reactor(call(reactor, target, {}, 1))
