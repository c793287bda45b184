"""AWS Signature Version 4 of what is posted to the root of a service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from attrs import frozen

from aegis_idp.values import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"


@frozen
class Session:
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return self.secret_access_key, self.session_token


@frozen
class Scope:
    """Where and for what a signature is good."""

    region: str
    service: str


def signed_headers(
    session: Session, scope: Scope, url: str, sent: Mapping[str, str], body: bytes, now: datetime
) -> Mapping[str, str]:
    """The headers `sent` (names in lower case), and all else with which `body` is POSTed to `url`, whose path is `/`.

    `now` has a time zone.
    """
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    own = {
        "host": urlsplit(url).netloc,
        "x-amz-date": moment,
        "x-amz-security-token": session.session_token.reveal(),
    }
    headers = dict(sorted({**sent, **own}.items()))
    names = ";".join(headers)
    canonical = "\n".join(
        ("POST", "/", "", *(f"{name}:{value}" for name, value in headers.items()), "", names, _hash(body))
    )
    granted = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    to_sign = "\n".join((_ALGORITHM, moment, granted, _hash(canonical.encode())))
    key = f"AWS4{session.secret_access_key.reveal()}".encode()
    for part in granted.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = (
        f"{_ALGORITHM} Credential={session.access_key_id}/{granted}, SignedHeaders={names}, Signature={signature}"
    )
    # The client says itself which host it asks.
    return {**{name: value for name, value in headers.items() if name != "host"}, "authorization": authorization}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
