"""A cluster as an identity provider sees it: an issuer of ServiceAccount tokens, with its discovery."""

import re
import time
import uuid
from collections.abc import Mapping
from typing import Protocol

import jwt

from aegis_api.names import Subject
from aegis_idp.blocking import ApiServer, BlockingHttp
from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.conformance.signing import KeyRing, SigningKey
from aegis_idp.http import Http
from aegis_idp.values import Secret

_API_AUDIENCE = "https://kubernetes.default.svc"
_POD = Subject("aegis-system", "pod")
_TOKEN_REQUEST = re.compile(r"/api/v1/namespaces/([^/]+)/serviceaccounts/([^/]+)/token")


class Keys(Protocol):
    """The keys of an issuer, as `signing.KeyRing`."""

    @property
    def current(self) -> SigningKey: ...

    def rotate(self, *, overlap: bool = True) -> None: ...


class AnyCluster(Protocol):
    """What the tests need of a cluster: `Cluster`, or a real one."""

    @property
    def issuer(self) -> str: ...

    @property
    def keys(self) -> Keys: ...

    def claims(self, subject: Subject, audience: str, seconds: int = 3600) -> dict[str, object]: ...

    def token(self, subject: Subject, audience: str, seconds: int = 3600) -> Secret: ...

    def http(self) -> Http: ...


class Cluster:
    """Serves discovery as kube-apiserver does: to ServiceAccounts, and with `public` to everybody.

    `with Cluster() as cluster:` runs it. `issuer` is its URL, which is also the API server's. `algorithm` is what it
    signs tokens with. With `gives_tokens` a pod may ask for those of any ServiceAccount (TokenRequest), else of none.
    While it is `gone`, all requests are answered with 503.
    """

    def __init__(self, *, public: bool = False, algorithm: str = "ES256", gives_tokens: bool = False) -> None:
        self._public = public
        self.gives_tokens = gives_tokens
        self.gone = False
        self._server = LoopbackServer(self._answer)
        self.keys = KeyRing(algorithm)
        self.issuer = self._server.url
        self.jwks_uri = f"{self.issuer}/openid/v1/jwks"

    def __enter__(self) -> "Cluster":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def claims(self, subject: Subject, audience: str, seconds: int = 3600) -> dict[str, object]:
        """The claims of a projected token, as kube-apiserver makes them, that lives for `seconds` from now on."""
        now = int(time.time())
        account = {"name": subject.name, "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, str(subject)))}
        return {
            "iss": self.issuer,
            "sub": str(subject),
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {"namespace": subject.namespace, "serviceaccount": account},
        }

    def token(self, subject: Subject, audience: str, seconds: int = 3600) -> Secret:
        return Secret(self.keys.current.sign(self.claims(subject, audience, seconds)))

    def http(self) -> BlockingHttp:
        """The client that a host in this cluster hands to plugins."""
        return BlockingHttp(ApiServer(self.issuer, lambda: self.token(_POD, _API_AUDIENCE)))

    def _answer(self, request: Received) -> Answer:
        documents: Mapping[str, object] = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": self.jwks_uri,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [self.keys.current.algorithm],
            },
            "/openid/v1/jwks": self.keys.key_set(),
        }
        if self.gone:
            return Answer.json(503, {"kind": "Status", "status": "Failure", "code": 503})
        if not self._public and not self._is_pod(request.bearer()):
            return Answer.json(401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401})
        if asked := _TOKEN_REQUEST.fullmatch(request.path):
            return self._given(Subject(asked[1], asked[2]), request)
        if request.path not in documents:
            return Answer.json(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
        return Answer.json(200, documents[request.path])

    def _given(self, subject: Subject, request: Received) -> Answer:
        if not self.gives_tokens or not self._is_pod(request.bearer()):
            return Answer.json(403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403})
        spec = request.json()["spec"]
        token = self.token(subject, spec["audiences"][0], spec["expirationSeconds"])
        return Answer.json(201, {"kind": "TokenRequest", "status": {"token": token.reveal()}})

    def _is_pod(self, token: str) -> bool:
        keys = [jwt.PyJWK(key) for key in self.keys.key_set()["keys"]]  # type: ignore[attr-defined]  # a JSON value
        for key in keys:
            try:
                jwt.decode(
                    token, key.key, algorithms=[self.keys.current.algorithm], audience=_API_AUDIENCE, issuer=self.issuer
                )
            except jwt.InvalidTokenError:
                continue
            return True
        return False
