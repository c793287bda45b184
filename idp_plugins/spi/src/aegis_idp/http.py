"""The HTTP client that a host hands to a plugin."""

import json
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

from attrs import field, frozen

from aegis_idp.errors import Unavailable


@frozen
class Response:
    """A whole answer. Header names are lower case; the body is bounded by the host."""

    status: int
    headers: Mapping[str, str] = field(repr=False, hash=False)
    body: bytes = field(repr=False)

    def json_object(self) -> Mapping[str, object]:
        """The body as a JSON object. Raises Unavailable if it is none: a proxy's error page is no answer."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            kind = self.headers.get("content-type", "no content type")
            raise Unavailable(f"the answer (status {self.status}, {kind[:80]}) is not a JSON object")
        return value

    def retry_after(self) -> float | None:
        """The delay in seconds that the server asks for (RFC 9110 section 10.2.3), if given in seconds."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


class Http(Protocol):
    """One request, one whole answer. The host bounds time and size, verifies TLS and follows no redirect.

    Raises errors.Unavailable when there is no answer. `as_pod` sends the pod's own credentials, and only to the
    cluster's API server: `api_server` is its base URL, None outside a cluster.
    """

    @property
    def api_server(self) -> str | None: ...

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response: ...


async def post_form(http: Http, url: str, form: Mapping[str, str], headers: Mapping[str, str] = {}) -> Response:
    """POSTs `form` as application/x-www-form-urlencoded (RFC 6749 appendix B)."""
    return await http.request(
        "POST",
        url,
        headers={"accept": "application/json", "content-type": "application/x-www-form-urlencoded", **headers},
        body=urlencode(form).encode(),
    )
