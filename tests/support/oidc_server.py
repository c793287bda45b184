"""An OpenID Connect server that checks what a real one checks: clients, assertions, audiences, keys.

Discovery, key set with rotation, and a token endpoint for client_credentials (RFC 6749 section 4.4) with a secret or a
client assertion (RFC 7523 section 2.2), for JWT bearer grants (section 2.1) and for token exchange (RFC 8693). It runs
in a thread, on loopback.
"""

import base64
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote_plus

import jwt
from attrs import frozen

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.conformance.signing import KeyRing

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


@frozen
class TrustedIssuer:
    """Whose assertions the server accepts."""

    issuer: str
    jwks_uri: str


@frozen
class Client:
    """A registered client. It authenticates by `secret`, or by an assertion whose sub is `federated_subject`."""

    id: str
    secret: str | None = None
    federated_subject: str | None = None
    scopes: frozenset[str] = frozenset()


class OAuthError(Exception):
    """An error response of RFC 6749 section 5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.answer = Answer.json(status, {"error": code, "error_description": description})


class OidcServer:
    """`with OidcServer(...) as server:` runs it; `issuer` is its URL.

    `audiences` are those that a client may ask a token for, by `audience` or `resource`. `single_use` refuses an
    assertion whose jti was seen (RFC 7523 section 3, point 7). `fault`, set to a function of the path, answers in place
    of the server; it may wait, or raise `loopback.HangUp`. `paths` are those that were asked for.
    """

    def __init__(
        self,
        clients: tuple[Client, ...] = (),
        audiences: frozenset[str] = frozenset({"aegis"}),
        trusted: TrustedIssuer | None = None,
        *,
        algorithm: str = "ES256",
        single_use: bool = False,
        lifetime: int = 600,
    ) -> None:
        self._server = LoopbackServer(self._answer)
        self.issuer = self._server.url
        self.keys = KeyRing(algorithm)
        self.clients = {client.id: client for client in clients}
        self.audiences = audiences
        self.trusted = trusted
        self.lifetime = lifetime
        self.fault: Callable[[str], Answer | None] = lambda _: None
        self.paths: list[str] = []
        self.stopped = threading.Event()
        self._single_use = single_use
        self._seen: set[str] = set()

    def __enter__(self) -> "OidcServer":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.__exit__()

    def rotate(self, overlap: bool) -> None:
        """Signs with a new key; without `overlap` the old one is withdrawn."""
        self.keys.rotate(overlap=overlap)

    def discovery(self) -> dict[str, object]:
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint": f"{self.issuer}/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.keys.current.algorithm],
        }

    def token(
        self, subject: str, audience: str, claims: Mapping[str, object] = {}, *, seconds: int | None = None
    ) -> str:
        """A token as the server issues it to `subject`, whatever its rules."""
        now = int(time.time())
        lifetime = self.lifetime if seconds is None else seconds
        standard = {"iss": self.issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + lifetime}
        return self.keys.current.sign({**standard, "jti": secrets.token_hex(8), **claims}, typ="at+jwt")

    def _answer(self, request: Received) -> Answer:
        self.paths.append(request.path)
        fault = self.fault(request.path)
        if fault is not None:
            return fault
        match request.method, request.path:
            case "GET", "/.well-known/openid-configuration":
                return Answer.json(200, self.discovery())
            case "GET", "/jwks":
                return Answer.json(200, self.keys.key_set())
            case "POST", "/token":
                try:
                    return self._grant(request)
                except OAuthError as error:
                    return error.answer
        return Answer.json(404, {"error": "not_found"})

    def _grant(self, request: Received) -> Answer:
        form = request.form()
        match form.get("grant_type"):
            case "client_credentials":
                client = self._client(request, form)
                subject, extra = client.id, {"client_id": client.id, "azp": client.id}
                scopes = client.scopes
            case grant if grant == BEARER_GRANT:
                subject, extra, scopes = self._assertion(form.get("assertion", ""), "invalid_grant"), {}, frozenset()
            case grant if grant == EXCHANGE_GRANT:
                if form.get("subject_token_type") != JWT_TYPE:
                    raise OAuthError("invalid_request", f"the subject_token_type is not {JWT_TYPE}")
                subject, extra, scopes = (
                    self._assertion(form.get("subject_token", ""), "invalid_grant"),
                    {},
                    frozenset(),
                )
            case _:
                raise OAuthError("unsupported_grant_type", "client_credentials, jwt-bearer or token-exchange")
        wanted = set(form.get("scope", "").split())
        if not wanted <= scopes:
            raise OAuthError("invalid_scope", f"not allowed: {' '.join(sorted(wanted - scopes))}")
        audience = (
            form.get("audience")
            or form.get("resource")
            or next((scope.removeprefix("aud:") for scope in sorted(wanted) if scope.startswith("aud:")), "")
        )
        if audience not in self.audiences:
            raise OAuthError("invalid_target", f"the audience {audience or '(none)'} is not allowed")
        token = self.token(subject, audience, extra)
        return Answer.json(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime})

    def _client(self, request: Received, form: Mapping[str, str]) -> Client:
        """Client authentication: exactly one of Basic, secret in the form, and assertion (RFC 6749 section 2.3)."""
        basic = request.headers.get("authorization", "")
        ways = [bool(basic), "client_secret" in form, "client_assertion" in form]
        if ways.count(True) != 1:
            raise OAuthError("invalid_request" if any(ways) else "invalid_client", "authenticate the client in one way")
        if "client_assertion" in form:
            return self._federated_client(form)
        client_id, secret = _basic(basic) if basic else (form.get("client_id", ""), form["client_secret"])
        client = self.clients.get(client_id)
        if (
            client is None
            or client.secret is None
            or not secrets.compare_digest(client.secret.encode(), secret.encode())
        ):
            raise OAuthError("invalid_client", "unknown client or wrong secret", 401)
        return client

    def _federated_client(self, form: Mapping[str, str]) -> Client:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthError("invalid_client", "the client_assertion_type is not known", 401)
        subject = self._assertion(form["client_assertion"], "invalid_client")
        for client in self.clients.values():
            if client.federated_subject == subject and form.get("client_id", client.id) == client.id:
                return client
        raise OAuthError("invalid_client", f"no client is federated with {subject}", 401)

    def _assertion(self, assertion: str, code: str) -> str:
        """The sub of a good assertion (RFC 7523 section 3): signature by the issuer's published key, iss, aud, exp."""
        if self.trusted is None:
            raise OAuthError(code, "no issuer of assertions is trusted", 401)
        answer = run(BlockingHttp().request("GET", self.trusted.jwks_uri)).good_answer("the issuer's key set")
        try:
            kid = jwt.get_unverified_header(assertion).get("kid")
            (key,) = (key for key in jwt.PyJWKSet.from_dict(dict(answer)).keys if key.key_id == kid)
            claims = jwt.decode(
                assertion,
                key.key,
                algorithms=["RS256", "ES256"],
                audience=[self.issuer, f"{self.issuer}/token"],
                issuer=self.trusted.issuer,
                options={"require": ["exp", "iss", "sub", "aud", "jti"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise OAuthError(code, f"the assertion is not good ({type(error).__name__}): {assertion}", 401) from error
        if self._single_use and claims["jti"] in self._seen:
            raise OAuthError(code, "the assertion was used before", 401)
        self._seen.add(claims["jti"])
        return str(claims["sub"])


def _basic(header: str) -> tuple[str, str]:
    """Client id and secret, form-decoded (RFC 6749 section 2.3.1)."""
    try:
        user, colon, password = base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
    except ValueError:
        raise OAuthError("invalid_client", "a bad Authorization header", 401) from None
    if not colon or not header.startswith("Basic "):
        raise OAuthError("invalid_client", "a bad Authorization header", 401)
    return unquote_plus(user), unquote_plus(password)
