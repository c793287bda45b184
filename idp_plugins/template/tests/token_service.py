"""The token service: small, but it refuses what a real one refuses. It runs in a thread, on loopback."""

import time
from collections.abc import Mapping
from typing import Any

import jwt

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance import HOST, Cluster
from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.conformance.signing import KeyRing


class No(Exception):  # an answer, not a fault
    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.answer = Answer.json(status, {"error": error, "error_description": description})


class TokenService:
    """Trusts the ServiceAccount tokens of `cluster`. `accounts` holds subject and owner by account name."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._server = LoopbackServer(self._answer)
        self.keys = KeyRing()
        self.accounts: dict[str, dict[str, str]] = {}
        self.url = self._server.url

    def __enter__(self) -> "TokenService":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def token(self, subject: str, audience: str, *, begins: int = 0, lives: int = 600) -> str:
        """A token as the service issues it, good from `begins` seconds from now on."""
        now = int(time.time())
        return self.keys.current.sign(
            {"iss": self.url, "sub": subject, "aud": audience, "iat": now, "nbf": now + begins, "exp": now + lives}
        )

    def _answer(self, request: Received) -> Answer:
        try:
            match request.method, request.path.split("/")[1:]:
                case "GET", [".well-known", "openid-configuration"]:
                    return Answer.json(200, {"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
                case "GET", ["keys"]:
                    return Answer.json(200, self.keys.key_set())
                case "POST", ["token"]:
                    return self._issue(request.json())
                case "PUT" | "DELETE", ["accounts", name]:
                    return self._account(request, name)
        except No as no:
            return no.answer
        return Answer.json(404, {"error": "not_found"})

    def _issue(self, asked: Mapping[str, Any]) -> Answer:
        subject = self._verified(asked["token"])
        if subject not in {account["subject"] for account in self.accounts.values()}:
            raise No(403, "no_account", f"no account for {subject}")
        return Answer.json(200, {"token": self.token(subject, asked["audience"])})

    def _account(self, request: Received, name: str) -> Answer:
        if self._verified(request.bearer()) != str(HOST):
            raise No(403, "forbidden", "only the reconcile function makes accounts")
        wanted, there = request.json(), self.accounts.get(name)
        if there is not None and there["owner"] != wanted["owner"]:
            raise No(409, "conflict", f"the account {name} has another owner")
        if request.method == "PUT":
            self.accounts[name] = wanted
        elif self.accounts.pop(name, None) is None:
            raise No(404, "not_found", f"there is no account {name}")
        return Answer.json(200, {"account": name})

    def _verified(self, token: str) -> str:
        """The sub of a ServiceAccount token that is good here: signed by a key that the cluster publishes."""
        answer = run(BlockingHttp().request("GET", self.cluster.jwks_uri)).good_answer("the cluster's keys")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            (key,) = (key for key in jwt.PyJWKSet.from_dict(dict(answer)).keys if key.key_id == kid)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["ES256"],
                audience=self.url,
                issuer=self.cluster.issuer,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise No(401, "bad_token", f"{type(error).__name__}: {token}") from error
        return str(claims["sub"])
