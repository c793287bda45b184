"""A provider whose plugin answers when the test says so, and an HTTP client likewise."""

import json
from collections.abc import Mapping
from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred

from aegis_api.names import Subject
from aegis_api.provider import ProviderSpec
from aegis_idp.http import Http, Response
from aegis_idp.values import ASYMMETRIC_ALGORITHMS, KeySetUrl, Principal, Secret, TokenRequest, Trust
from aegis_proxy.shell.plugins import Provider
from support.tokens import ISSUER, subject_of_sub

JWKS_URL = "https://issuer.example/jwks"
TRUST = Trust(ISSUER, KeySetUrl(JWKS_URL), ASYMMETRIC_ALGORITHMS)


class Lowest(Random):
    """Randomness without surprise: a tenth less, no jitter."""

    def random(self) -> float:
        return 0.0


@define
class ScriptedPlugin:
    """`trusts` are answered at once, from the first to the last, which stays; acquisitions wait in `asked`.

    Tokens are of the id `principal`, where it is set.
    """

    trusts: list[Trust | Exception] = field(factory=lambda: [TRUST])
    trust_calls: int = 0
    asked: list[tuple[TokenRequest, "Deferred[Secret]"]] = field(factory=list)
    cancelled: int = 0
    principal: str = ""

    async def trust(self, settings: object, http: Http) -> Trust:
        self.trust_calls += 1
        answer = self.trusts.pop(0) if len(self.trusts) > 1 else self.trusts[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def acquire(self, settings: object, request: TokenRequest, http: Http) -> Secret:
        def count(_: object) -> None:
            self.cancelled += 1

        waiting: Deferred[Secret] = Deferred(count)
        self.asked.append((request, waiting))
        return await waiting

    def subject(self, settings: object, claims: Mapping[str, object]) -> Subject | Principal:
        return Principal(self.principal) if self.principal else subject_of_sub(claims)

    def answer(self, token: bytes) -> None:
        """Answers the oldest acquisition."""
        self.asked.pop(0)[1].callback(Secret(token.decode()))

    def fail(self, error: Exception) -> None:
        self.asked.pop(0)[1].errback(error)


def scripted_provider(plugin: ScriptedPlugin) -> Provider:
    return Provider(ProviderSpec("scripted", "aegis"), plugin, None)  # type: ignore[arg-type]  # provisions nothing


class ScriptedHttp:
    """Requests wait in `asked` until they are answered."""

    api_server = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, Deferred[Response]]] = []
        self.requests = 0

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        self.requests += 1
        waiting: Deferred[Response] = Deferred()
        self.asked.append((url, waiting))
        return await waiting

    def answer(self, document: object, status: int = 200, **headers: str) -> None:
        """Answers the oldest request; bytes are sent as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.asked.pop(0)[1].callback(Response(status, named, body))

    def fail(self, error: Exception) -> None:
        self.asked.pop(0)[1].errback(error)
