"""A small Kubernetes API client for tests: plain requests with visible answers, on the standard library alone.

It hides nothing that a test may want to see: status codes, warnings and raw watch events come back as they are. One
answer alone is not taken, as no client of Kubernetes takes it: 429 with Retry-After, which an API server gives for a
kind whose cache it has not filled yet.
"""

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from attrs import field, frozen

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
# Some answers exist in one format only: the key set is `application/jwk-set+json`, and 406 for plain JSON.
ACCEPT = f"{JSON}, */*;q=0.5"

# How often, and for how long in all, "not yet" is taken for an answer: far longer than an API server needs.
_TRIES = 30

Object = dict[str, Any]


@frozen
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def ok(self) -> Any:
        """The body of a success; an AssertionError with the server's own message for anything else."""
        if not 200 <= self.status < 300:
            raise AssertionError(f"the API server answered {self.status}: {self.message}")
        return self.body

    @property
    def message(self) -> str:
        """The `message` of a Status object, else the whole body."""
        return str(self.body.get("message", self.body)) if isinstance(self.body, dict) else str(self.body)

    @property
    def reason(self) -> str | None:
        """The `reason` of a Status object, for example `AlreadyExists`."""
        return self.body.get("reason") if isinstance(self.body, dict) else None


def path_of(
    api_version: str, plural: str, name: str | None = None, namespace: str | None = None, subresource: str | None = None
) -> str:
    """The URL path of a resource: `path_of("v1", "pods", "a", "shop")` -> `/api/v1/namespaces/shop/pods/a`."""
    parts = ["/apis" if "/" in api_version else "/api", api_version]
    if namespace is not None:
        parts += ["namespaces", namespace]
    parts += [part for part in (plural, name, subresource) if part is not None]
    return "/".join(parts)


@frozen
class KubeClient:
    """A server, whom to trust, and who is asking (a client certificate in `tls`, or a bearer token)."""

    url: str
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    timeout: float = 30.0

    @classmethod
    def connect(
        cls, url: str, ca_file: Path | None, *, token: str | None = None, certificate: tuple[Path, Path] | None = None
    ) -> "KubeClient":
        """A client of `url`; `certificate` is the pair of a certificate file and its key file."""
        tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        if tls and certificate:
            tls.load_cert_chain(*certificate)
        return cls(url, tls, token)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = ACCEPT,
        **params: Any,
    ) -> Answer:
        """One request and its answer, whatever the status. `params` are those of the query."""
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        with self._answered(method, path, body, headers, params) as response:
            text = response.read().decode()
            parsed = json.loads(text) if "json" in response.headers.get("Content-Type", "") else text
            return Answer(response.status, dict(response.headers), parsed)

    def get(self, path: str, **params: Any) -> Answer:
        """GET an object or a list."""
        return self.call("GET", path, **params)

    def create(self, path: str, body: Object, **params: Any) -> Answer:
        """POST to a collection or a subresource."""
        return self.call("POST", path, body, **params)

    def replace(self, path: str, body: Object, **params: Any) -> Answer:
        """PUT a whole object."""
        return self.call("PUT", path, body, **params)

    def patch(self, path: str, body: Any, content_type: str = MERGE_PATCH, **params: Any) -> Answer:
        """PATCH in one of the four formats."""
        return self.call("PATCH", path, body, content_type=content_type, **params)

    def apply(self, path: str, body: Object, *, manager: str = "test", force: bool = False, **params: Any) -> Answer:
        """Server-side apply."""
        return self.call("PATCH", path, body, content_type=APPLY_PATCH, fieldManager=manager, force=force, **params)

    def delete(self, path: str, body: Object | None = None, **params: Any) -> Answer:
        """DELETE, with DeleteOptions as the body."""
        return self.call("DELETE", path, body, **params)

    @contextmanager
    def watch(self, path: str, *, seconds: int = 30, **params: Any) -> Iterator[Iterator[Object]]:
        """The events of a watch, as they come. They end when the server ends the watch: after `seconds` at the latest.

        Raises AssertionError when the server refuses the watch.
        """
        query = {**params, "watch": True, "timeoutSeconds": seconds}
        with self._answered("GET", path, None, {"Accept": ACCEPT}, query) as response:
            if response.status != 200:
                Answer(response.status, dict(response.headers), json.load(response)).ok()
            yield (json.loads(line) for line in response if line.strip())

    @contextmanager
    def _answered(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], params: Mapping[str, Any]
    ) -> Iterator[http.client.HTTPResponse]:
        for tries_left in reversed(range(_TRIES)):
            connection = self._send(method, path, body, headers, params)
            try:
                response = connection.getresponse()
                wait = response.headers.get("Retry-After") if response.status == 429 else None
                if wait is None or not tries_left:
                    yield response
                    return
            finally:
                connection.close()
            time.sleep(min(float(wait), 1))

    def _send(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], params: Mapping[str, Any]
    ) -> http.client.HTTPConnection:
        target = urlsplit(self.url)
        assert target.hostname is not None
        connection = (
            http.client.HTTPSConnection(target.hostname, target.port, timeout=self.timeout, context=self.tls)
            if target.scheme == "https"
            else http.client.HTTPConnection(target.hostname, target.port, timeout=self.timeout)
        )
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        query = urlencode({key: _text(value) for key, value in params.items()})
        try:
            encoded = json.dumps(body) if body is not None else None
            connection.request(method, f"{path}?{query}" if query else path, encoded, {**headers, **authorization})
        except BaseException:
            connection.close()
            raise
        return connection


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
