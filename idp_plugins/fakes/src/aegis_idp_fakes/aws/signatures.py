"""Recomputes Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from aegis_idp.conformance.loopback import Received
from aegis_idp_fakes.aws.accounts import Session
from aegis_idp_fakes.aws.wire import aws_error, json_error
from aegis_idp_fakes.server import Refusal

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]+)/(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/"
    r"aws4_request), ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_ALWAYS = {"host", "x-amz-date", "x-amz-security-token"}
_CLOCKS_APART = 900
_JSON_CODES = {
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "ExpiredToken": "ExpiredTokenException",
}


Say = Callable[[int, str, str], Refusal]


def say_json(_: int, code: str, message: str) -> Refusal:
    """The same refusals by the JSON protocol, whose codes differ."""
    return json_error(_JSON_CODES[code], message)


def signer(
    request: Received, sessions: Mapping[str, Session], region: str, service: str, say: Say = aws_error
) -> Session:
    """Whose request it is. Raises Refusal, with the canonical request in its message, as AWS does."""
    header = request.headers.get("authorization")
    if header is None:
        raise say(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    found = _HEADER.fullmatch(header)
    if found is None or not set(found["names"].split(";")) >= _ALWAYS:
        raise say(400, "IncompleteSignature", f"Authorization header is not complete: {header}")
    session = sessions.get(found["key"])
    if session is None or request.headers.get("x-amz-security-token") != session.token:
        raise say(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    moment = request.headers.get("x-amz-date", "")
    if (found["region"], found["service"], found["day"]) != (region, service, moment[:8]):
        raise say(403, "SignatureDoesNotMatch", f"Credential should be scoped to {region}/{service}.")
    if abs(time.time() - timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))) > _CLOCKS_APART:
        raise say(403, "SignatureDoesNotMatch", f"Signature expired: {moment}")
    parts = urlsplit(request.path)
    lines = [f"{name}:{request.headers.get(name, '').strip()}" for name in found["names"].split(";")]
    canonical = "\n".join(
        [request.method, parts.path, parts.query, *lines, "", found["names"], hashlib.sha256(request.body).hexdigest()]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = ("AWS4" + session.secret).encode()
    for part in found["scope"].split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{found['scope']}\n{digest}"
    if hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != found["signature"]:
        message = (
            f"The request signature we calculated does not match. The Canonical String should have been {canonical}"
        )
        raise say(403, "SignatureDoesNotMatch", message)
    if session.expires < time.time():
        raise say(403, "ExpiredToken", "The security token included in the request is expired")
    return session
