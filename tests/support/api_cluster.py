"""An API server as the conformance suite, and a fake provider, see a cluster: an issuer of ServiceAccount tokens."""

import time
from collections.abc import Mapping

import jwt
from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp.blocking import ApiServer, BlockingHttp
from aegis_idp.conformance.cluster import Keys
from aegis_idp.http import Http, Response
from aegis_idp.values import Secret
from support import api_server
from support.kube_client import path_of

_POD = Subject("default", "pod")


class ApiCluster:
    """Tokens come from the API server's TokenRequest."""

    def __init__(self, server: api_server.ApiServer) -> None:
        self.server = server
        self.issuer = server.issuer
        self._known: set[Subject] = set()

    @property
    def keys(self) -> Keys:
        """Nobody gets the private key out of a running API server."""
        raise NotImplementedError

    def enrol(self, subject: Subject) -> None:
        """Makes the ServiceAccount, and its namespace."""
        if subject in self._known:
            return
        client = self.server.client
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": subject.namespace}}
        client.apply(path_of("v1", "namespaces", subject.namespace), namespace).ok()
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": subject.name}}
        client.apply(path_of("v1", "serviceaccounts", subject.name, subject.namespace), account).ok()
        self._known.add(subject)

    def claims(self, subject: Subject, audience: str, seconds: int = 3600) -> dict[str, object]:
        """The claims of a token that the API server issues, which ends `seconds` from now on."""
        token = self.server.token(subject.namespace, subject.name, [audience])
        issued: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
        return {**issued, "exp": int(time.time()) + seconds}

    def token(self, subject: Subject, audience: str, seconds: int = 3600) -> Secret:
        self.enrol(subject)
        return Secret(self.server.token(subject.namespace, subject.name, [audience], seconds))

    def http(self) -> BlockingHttp:
        """The client of a pod in this cluster."""
        self.enrol(_POD)
        token = lambda: Secret(self.server.token(_POD.namespace, _POD.name))  # noqa: E731  # a value
        return BlockingHttp(ApiServer(self.server.url, token, str(self.server.ca_file)), seconds=60)


@frozen
class AsPod:
    """Fetches what a private cluster says of its issuer as one of its pods, for a provider that it was published to."""

    http: Http = field(repr=False)

    @property
    def api_server(self) -> str | None:
        return self.http.api_server

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        return await self.http.request(method, url, headers=headers, body=body, as_pod=True)
