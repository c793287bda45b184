"""The HTTP client that a host hands to a plugin."""

import json
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

from attrs import field, frozen

from aegis_idp.errors import Refused, Throttled, Unavailable
from aegis_idp.redaction import quoted
from aegis_idp.values import Secret

# RFC 9110 sections 15.5.9 and RFC 8470 section 5.2: the same request may be sent again.
_TOO_MANY = 429  # RFC 6585 section 4
_LATER = frozenset({408, 425, _TOO_MANY})


@frozen
class Response:
    """A whole answer. Header names are lower case; the body is bounded by the host."""

    status: int
    headers: Mapping[str, str] = field(repr=False, hash=False)
    body: bytes = field(repr=False)

    def json_object(self, what: str) -> Mapping[str, object]:
        """The body as a JSON object. Raises Unavailable if it is none: a proxy's error page is no answer."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            kind = quoted(self.headers.get("content-type", "no content type"), ())
            raise Unavailable(f"{what}: the answer (status {self.status}, {kind}) is not a JSON object")
        return value

    def retry_after(self) -> float | None:
        """The delay in seconds that the server asks for (RFC 9110 section 10.2.3), if given in seconds."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None

    def good_answer(self, what: str, *secrets: Secret) -> Mapping[str, object]:
        """The JSON object of a 2xx answer to `what` was asked.

        Raises Unavailable where the same call may go through later (5xx, 429, a page instead of an object), and
        Refused, with the error code of RFC 6749 section 5.2 (or of a cloud's API) if there is one, where it cannot.
        What was sent in `secrets` never shows in an error, whatever the answer quotes.
        """
        if 200 <= self.status < 300:
            return self.json_object(what)
        if 300 <= self.status < 400:
            raise Unavailable(f"{what}: the answer is a redirect ({self.status}), which is never followed")
        code, explanation = self._error(secrets)
        said = f": {code}" if code else ""
        text = f"{what}: answered with status {self.status}{said}" + (f" ({explanation})" if explanation else "")
        if 400 <= self.status < 500 and self.status not in _LATER:
            raise Refused(text, code)
        if self.status == _TOO_MANY:
            raise Throttled(text, self.retry_after())
        raise Unavailable(text, self.retry_after())

    def _error(self, secrets: tuple[Secret, ...]) -> tuple[str, str]:
        try:
            answer = self.json_object("")
        except Unavailable:
            return "", ""
        code, explanation = answer.get("error"), answer.get("error_description")
        if isinstance(code, dict):
            # APIs of Google and Microsoft: {"error": {"status" or "code", "message"}}.
            error: dict[str, object] = code
            code, explanation = error.get("status") or error.get("code"), error.get("message")
        return (
            quoted(code, secrets) if isinstance(code, str) else "",
            quoted(explanation, secrets) if isinstance(explanation, str) else "",
        )


class Http(Protocol):
    """One request, one whole answer. The host bounds time and size, verifies TLS and follows no redirect.

    Raises errors.Unavailable when there is no answer, and errors.Misconfigured for what it does not send. `as_pod`
    sends the pod's own credentials, and only to the cluster's API server: `api_server` is its base URL, None outside a
    cluster.
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


async def ask_json(
    http: Http,
    method: str,
    url: str,
    body: Mapping[str, object] | None = None,
    *,
    bearer: Secret | None = None,
    headers: Mapping[str, str] = {},
) -> Response:
    """Sends `body`, if there is one, as JSON (RFC 8259), with a bearer token (RFC 6750 section 2.1) if there is one."""
    sent = {"accept": "application/json"}
    if body is not None:
        sent["content-type"] = "application/json"
    if bearer is not None:
        sent["authorization"] = f"Bearer {bearer.reveal()}"
    content = json.dumps(body).encode() if body is not None else b""
    return await http.request(method, url, headers={**sent, **headers}, body=content)
