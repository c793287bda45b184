"""The one mesh that every contender enforces: who may call what, with whose tokens."""

import time
from collections.abc import Iterator
from functools import cache
from http.client import HTTPConnection, HTTPException

from attrs import field, frozen

from support.tokens import AUDIENCE, ISSUER, SUBJECT, SigningKey, claims, mint, signing_key

METHODS = ("GET", "POST")
LIFETIME = 3600
HOST, OUTSIDE = "orders.shop.svc", "orders.example"


@frozen
class Mesh:
    """`rules` rules, each for its own path; one caller; one issuer, who signs with `algorithm`. `h2c`: the app speaks
    HTTP/2 without TLS. `outbound`: requests come from the app, and go to `HOST`.

    The request that is measured matches the rule in the middle.
    """

    rules: int = 10
    algorithm: str = "RS256"
    issuer: str = ISSUER
    audience: str = AUDIENCE
    subject: str = SUBJECT
    h2c: bool = False
    outbound: bool = False
    key: SigningKey = field(init=False)

    @key.default
    def _(self) -> SigningKey:
        return signing_key(self.algorithm)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The path that each rule allows, with all below it."""
        return tuple(f"/p{number}" for number in range(self.rules))

    @property
    def path(self) -> str:
        return f"{self.prefixes[self.rules // 2]}/orders"

    def token(self, **changes: object) -> str:
        """A token of the caller that is good for an hour from now, with changed claims."""
        now = int(time.time())
        return mint(self.key, claims(**{"iat": now, "nbf": now, "exp": now + LIFETIME, **changes})).decode()

    def tokens(self, count: int) -> tuple[str, ...]:
        """Different tokens of the same caller."""
        return _tokens(self, count)


@cache
def _tokens(mesh: Mesh, count: int) -> tuple[str, ...]:
    return tuple(mesh.token(jti=str(number)) for number in range(count))


@frozen
class Trial:
    """A request, and the statuses with which a contender that enforces the mesh answers it."""

    what: str
    authorization: str | None
    wanted: frozenset[int]
    path: str
    method: str = "GET"


def trials(mesh: Mesh) -> Iterator[Trial]:
    """What shows that a contender really checks what it is paid for."""
    good, stranger = (
        f"Bearer {mesh.token()}",
        mint(signing_key(mesh.algorithm, number=1), claims(exp=int(time.time()) + LIFETIME)),
    )
    past = int(time.time()) - LIFETIME
    yield Trial("a good token", good, frozenset({200}), mesh.path)
    yield Trial("no token", None, frozenset({401}), mesh.path)
    yield Trial("a token signed by another key", f"Bearer {stranger.decode()}", frozenset({401}), mesh.path)
    yield Trial("an expired token", f"Bearer {mesh.token(exp=past)}", frozenset({401}), mesh.path)
    yield Trial("another issuer", f"Bearer {mesh.token(iss='https://other.example')}", frozenset({401}), mesh.path)
    # Envoy answers 403 where the others answer 401.
    yield Trial("another audience", f"Bearer {mesh.token(aud='other')}", frozenset({401, 403}), mesh.path)
    yield Trial("another caller", f"Bearer {mesh.token(sub=mesh.subject + '9')}", frozenset({403}), mesh.path)
    yield Trial("a path of no rule", good, frozenset({403}), "/other/orders")
    yield Trial("a method of no rule", good, frozenset({403}), mesh.path, "DELETE")


@frozen
class Answer:
    status: int
    body: str


def ask(
    port: int, path: str, authorization: str | None = None, method: str = "GET", host: str | None = None
) -> Answer | None:
    """One request on a connection of its own. None: nobody answers there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    fields = {"Authorization": authorization, "Host": host}
    headers = {name: value for name, value in fields.items() if value is not None}
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode("latin-1"))
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
