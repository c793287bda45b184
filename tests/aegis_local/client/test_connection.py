"""HTTP to an API server."""

from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest
from attrs import evolve
from twisted.internet.error import VerifyError
from twisted.internet.task import Clock

from aegis_local.client import connection as module
from aegis_local.client.access import Access, read_kubeconfig
from aegis_local.client.api import Api
from aegis_local.client.connection import Connection
from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.kube.certificates import make_authority
from aegis_local.kube.embedded import EmbeddedKubernetes
from aegis_local.reactors import Reactor
from support.local_cluster import on_api
from support.on_reactor import reactor


def test_without_credentials_the_server_refuses(tmp_path: Path) -> None:
    """With its own words."""

    async def work(server: EmbeddedKubernetes, _: Api) -> None:
        connection = Connection(reactor, evolve(read_kubeconfig(server.kubeconfig), token=lambda: "wrong"))
        with pytest.raises(ApiRefused, match="Unauthorized") as caught:
            await connection.call("GET", "/api/v1/pods")
        assert caught.value.code == 401
        with pytest.raises(ApiRefused, match="Unauthorized"):
            async with aclosing(connection.lines("/api/v1/pods", {"watch": "true"})) as lines:
                await anext(lines)
        await connection.close()

    on_api(tmp_path, work)


def test_a_server_with_another_certificate_gets_no_credentials(tmp_path: Path) -> None:
    """Only the certificates of the access count."""

    async def work(server: EmbeddedKubernetes, _: Api) -> None:
        other = make_authority("another").pair.certificate
        connection = Connection(reactor, evolve(read_kubeconfig(server.kubeconfig), ca=other))
        with pytest.raises(ApiUnreachable, match="certificate verify failed"):
            await connection.call("GET", "/api/v1/pods")

    on_api(tmp_path, work)


def test_a_server_that_is_away_is_unreachable(tmp_path: Path) -> None:
    """The text says what was asked."""

    async def work(server: EmbeddedKubernetes, api: Api) -> None:
        await api.connection.close()
        await server.stop()
        with pytest.raises(ApiUnreachable, match=r"GET /api/v1/pods: .*refused"):
            await api.connection.call("GET", "/api/v1/pods")

    on_api(tmp_path, work)


def test_a_server_that_does_not_answer_in_time_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting has an end."""
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.2)

    async def work(server: EmbeddedKubernetes, api: Api) -> None:
        with pytest.raises(ApiUnreachable, match="no answer to GET /api/v1/pods within"):
            await api.connection.call("GET", "/api/v1/pods", params={"watch": "true"})

    on_api(tmp_path, work)


def test_a_client_certificate_is_loaded(tmp_path: Path) -> None:
    """A key that does not belong to it is an error at once."""
    authority = make_authority("ca")
    pair, other = authority.issue("client"), authority.issue("other")

    def connection(certificate: bytes, key: bytes) -> Connection:
        access = Access("https://127.0.0.1:1", authority.pair.certificate, certificate=(certificate, key))
        return Connection(cast(Reactor, Clock()), access)

    connection(pair.certificate, pair.key)
    with pytest.raises(VerifyError, match="do not match"):
        connection(pair.certificate, other.key)
