"""The API server: lists and watches of single objects, and the requests that plugins make as the pod."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from OpenSSL.crypto import Error as OpenSSLError
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, PrivateCertificate, trustRootFromCertificates

from aegis_api.resources import GROUP, KINDS, VERSION
from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_idp.urls import origin
from aegis_idp.values import Secret
from aegis_proxy.core.lines import LineSplitter
from aegis_proxy.core.listing_words import Target
from aegis_proxy.shell.dial import Answer, Redirected, Tls, ask
from aegis_proxy.shell.http_client import whole_answer
from aegis_proxy.shell.kube_config import KubeConfig
from aegis_proxy.shell.logs import Log

# How old credentials may be before their files are read again; a 401 has them read at once.
_CREDENTIALS_PERIOD = 60.0
_LONGEST_LINE = 4 << 20
_LONGEST_LIST = 16 << 20
_JSON = {"accept": "application/json", "user-agent": "aegis-proxy"}
_PEM_END = b"-----END CERTIFICATE-----"


class KubeApi:
    """Asks with the credentials of `config`, which are kept while their files cannot be read."""

    def __init__(self, reactor: Any, config: KubeConfig, log: Log, redirected: Redirected) -> None:
        self.url = config.url
        self._reactor = reactor
        self._config = config
        self._log = log
        self._redirected = redirected
        self._token = Secret("")
        self._tls: Tls | None = None
        self._read_at: float | None = None

    def reread_credentials(self) -> None:
        """Has the files read at the next request: what was sent was not accepted."""
        self._read_at = None

    async def list(self, target: Target) -> Answer:
        """The answer to a list of the one object. Without a resourceVersion it is a quorum read."""
        return await self._get(_path(target), {"fieldSelector": f"metadata.name={target.name}"})

    async def watch(self, target: Target, resource_version: str, seconds: int) -> Answer:
        query = {
            "fieldSelector": f"metadata.name={target.name}",
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        return await self._get(_path(target), query)

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """A plugin's own request, with the pod's credentials. Raises Misconfigured for any other server than this."""
        if origin(url) != origin(self.url):
            raise Misconfigured(f"the pod's own credentials go to the API server {self.url} alone, not to {url}")
        tls, authorization = self._credentials()
        sent = {**headers, **authorization}
        response = await whole_answer(self._reactor, method, url, sent, body, tls, self._redirected)
        if response.status == 401:
            self.reread_credentials()
        return response

    async def _get(self, path: str, query: Mapping[str, str]) -> Answer:
        tls, authorization = self._credentials()
        headers, url = {**_JSON, **authorization}, f"{self.url}{path}?{urlencode(query)}"
        return await ask(self._reactor, "GET", url, headers=headers, tls=tls, redirected=self._redirected)

    def _credentials(self) -> tuple[Tls, dict[str, str]]:
        now = self._reactor.seconds()
        if self._read_at is None or not 0 <= now - self._read_at < _CREDENTIALS_PERIOD:
            self._read_at = now
            self._read_credentials()
        if self._tls is None:
            # Nobody vouches for the server, so it gets no token and is not believed.
            self._read_at = None
            raise Unavailable("the certificates for the API server cannot be read")
        token = self._token.reveal()
        return self._tls, {"authorization": f"Bearer {token}"} if token else {}

    def _read_credentials(self) -> None:
        config = self._config
        if config.token:
            try:
                text = config.token().decode("ascii").strip()
            except (OSError, UnicodeDecodeError) as error:
                self._keep("token", error)
            else:
                # An empty file is one that is being written.
                self._token = Secret(text) if text else self._token
        try:
            self._tls = _tls_of(config)
        except (OSError, ValueError, OpenSSLError) as error:
            self._keep("certificates", error)

    def _keep(self, what: str, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        self._log.warning("credentials for the API server cannot be read", what=what, reason=reason)


def _tls_of(config: KubeConfig) -> Tls:
    roots = trustRootFromCertificates(_certificates(config.authority())) if config.authority else None
    own = config.certificate and config.key and PrivateCertificate.loadPEM(config.key() + b"\n" + config.certificate())
    return Tls(roots, own or None, config.server_name)


def _certificates(pem: bytes) -> list[Certificate]:
    """All certificates of a bundle: while one is replaced by the next, both are in it."""
    found = [Certificate.loadPEM(part + _PEM_END) for part in pem.split(_PEM_END)[:-1]]
    if not found:
        raise ValueError("no certificate")
    return found


def _path(target: Target) -> str:
    plural = KINDS[target.kind].plural
    space = f"/namespaces/{quote(target.namespace, safe='')}" if target.namespace else ""
    return f"/apis/{GROUP}/{VERSION}{space}/{plural}"


async def read_list(answer: Answer) -> object:
    """The JSON value of a list. Raises Unavailable if it is none, or too long."""
    body = await answer.read(_LONGEST_LIST)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Unavailable("the list is not JSON") from None


def stream_lines(answer: Answer, heard: Callable[[bytes], None]) -> "Deferred[None]":
    """Hands over each line of a watch as it comes; fires at its end in good order, fails if it is cut short."""
    splitter = LineSplitter(_LONGEST_LINE)

    def receive(data: bytes) -> None:
        for line in splitter.feed(data):
            heard(line)

    return answer.stream(receive)
