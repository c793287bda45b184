"""What the proxy makes of a provider's tokens and keys: tests for each plugin, on the proxy's own code.

A plugin's `test_ingress.py` subclasses `IngressSuite`, with the fixture `provider` of its conformance tests.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import jwt
import pytest
from attrs import define, evolve, field
from twisted.internet.task import Clock

from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_api.provider import IdentityProvider, ProviderSpec
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.signing import SigningKey
from aegis_idp.errors import Misconfigured
from aegis_idp.http import Http, Response
from aegis_idp.plugin import audiences_of
from aegis_idp.values import PRINCIPAL, KeySetUrl
from aegis_proxy.core.acceptance import Callers, accept
from aegis_proxy.core.keys import read_key_set
from aegis_proxy.core.knowledge import Present
from aegis_proxy.core.snapshot import Authority
from aegis_proxy.core.tokens import Reason, TokenRefused
from aegis_proxy.shell.keysets import TrustKeeper
from aegis_proxy.shell.logs import Log
from aegis_proxy.shell.plugins import Provider
from support.ingress_judge import claims_of, judged, token_of
from support.proxy_log import ReadableLog
from support.scripted_provider import Lowest

ORDERS = Subject("shop", "orders")
_HOUR = 3600.0
_HERE, _THERE = "stock.shop.svc", "bills.bank.svc"

Keys = list[dict[str, object]]


@define
class KeySetServer:
    """Stands before the provider's key set: `change` says what becomes of its keys, and `down` that it does not answer.

    Everything else passes. Where the key set is, the plugin says.
    """

    http: Http
    url: str
    change: Callable[[Keys], Keys] = field(default=lambda keys: keys)
    down: bool = False

    @property
    def api_server(self) -> str | None:
        return self.http.api_server

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        if url != self.url:
            return await self.http.request(method, url, headers=headers, body=body, as_pod=as_pod)
        if self.down:
            return Response(503, {}, b"")
        answer = await self.http.request(method, url, headers=headers, body=body, as_pod=as_pod)
        keys = answer.json_object("the key set")["keys"]
        assert isinstance(keys, list)
        return evolve(answer, body=json.dumps({"keys": self.change(keys)}).encode())


@define
class Receiver:
    """A pod of the namespace shop that accepts the tokens of one provider; the proxy's own code keeps its keys."""

    provider: ProviderUnderTest
    principals: Mapping[str, Subject]
    log: Log
    server: KeySetServer = field(init=False)
    clock: Clock = field(factory=Clock)
    _keeper: TrustKeeper = field(init=False)

    def __attrs_post_init__(self) -> None:
        provider = self.provider
        trust = run(provider.plugin.trust(provider.settings, provider.http))
        assert isinstance(trust.key_set, KeySetUrl)
        self.server = KeySetServer(provider.http, trust.key_set.url)
        names = audiences_of(provider.plugin, provider.settings)
        asked = Provider(ProviderSpec("idp", provider.audience), provider.plugin, provider.settings, names)
        changed = lambda: None  # noqa: E731  # nobody waits for it: each look asks anew
        self._keeper = TrustKeeper(asked, self.server, self.clock, self.log, Lowest(), Counter(), changed)

    def start(self) -> None:
        self._keeper.start()

    def hours(self, number: int) -> None:
        """Time passes, and the proxy looks for new keys meanwhile."""
        for _ in range(number):
            self.clock.advance(_HOUR)

    def authorities(self, *hosts: str) -> Mapping[str, Authority]:
        """Whom it believes; with `hosts` it is one of these Services, and tokens are made for their destination."""
        spec = ProviderSpec("idp", self.provider.audience, bool(hosts))
        held = Present(IdentityProvider(Metadata("idp", "shop"), spec, self.principals))
        return accept(Callers({"idp": held}, {"idp": self._keeper.trusted}, "shop", hosts), {}).authorities

    def takes(self, token: str, *hosts: str) -> bool:
        """Whether it is a token of ORDERS. Raises TokenRefused."""
        return judged(token, self.authorities(*hosts)) == ORDERS

    def refuses(self, token: str, *hosts: str) -> Reason:
        return _reason(token, self.authorities(*hosts))


def _reason(token: str, known: Mapping[str, Authority]) -> Reason:
    with pytest.raises(TokenRefused) as caught:
        judged(token, known)
    return caught.value.reason


def receiver_of(provider: ProviderUnderTest, log: Log, *destinations: str) -> Receiver:
    """Of a provider that knows ORDERS."""
    principal = provider.make_known(ORDERS, destinations).metadata.get(PRINCIPAL)
    return Receiver(provider, {principal: ORDERS} if principal else {}, log)


class IngressSuite:
    @pytest.fixture
    def log(self) -> Iterator[Log]:
        with closing(ReadableLog()) as readable:
            yield readable.log

    @pytest.fixture
    def receiver(self, provider: ProviderUnderTest, log: Log) -> Receiver:
        return receiver_of(provider, log)

    @pytest.mark.attack("J32", "J33")
    def test_a_token_of_another_provider_is_refused(self, provider: ProviderUnderTest, receiver: Receiver) -> None:
        """Whichever of both is accepted; and neither signs for the other, be it under the other's key id."""
        receiver.start()
        token = token_of(provider, ORDERS)
        known, (ours,) = receiver.authorities(), receiver.authorities().values()
        algorithm = str(jwt.get_unverified_header(token)["alg"])
        key = SigningKey.make(algorithm)
        keys = read_key_set({"keys": [key.jwk()]}, frozenset({algorithm}))
        theirs = evolve(ours, provider="other", issuer="https://other.example", keys=keys)
        others = {theirs.issuer: theirs}
        assert _reason(token, others) is Reason.UNKNOWN_ISSUER
        claims, kid = claims_of(token), str(jwt.get_unverified_header(token)["kid"])
        foreign = key.sign({**claims, "iss": theirs.issuer})
        assert _reason(foreign, known) is Reason.UNKNOWN_ISSUER
        for both in ({**known, **others}, {**others, **known}):
            assert judged(token, both) == ORDERS
            assert _reason(key.sign(claims), both) is Reason.UNKNOWN_KEY
            assert _reason(key.sign(claims, kid=kid), both) is Reason.BAD_SIGNATURE

    @pytest.mark.attack("J10")
    def test_without_keys_nobody_is_believed(self, provider: ProviderUnderTest, receiver: Receiver) -> None:
        """An empty key set, as some servers have it before their first identity, is waited out."""
        receiver.server.change = lambda _: []
        receiver.start()
        token = token_of(provider, ORDERS)
        assert receiver.refuses(token) is Reason.NO_KEYS
        receiver.server.change = lambda keys: keys
        receiver.hours(2)
        assert receiver.takes(token)

    @pytest.mark.attack("J10")
    def test_keys_serve_on_while_they_cannot_be_fetched(self, provider: ProviderUnderTest, receiver: Receiver) -> None:
        """For a day and no longer; then they are fetched again, and all is as before."""
        receiver.start()
        token = token_of(provider, ORDERS)
        receiver.server.down = True
        for _ in range(2):
            receiver.hours(10)
            assert receiver.takes(token)
        receiver.hours(6)
        assert receiver.refuses(token) is Reason.NO_KEYS
        receiver.server.down = False
        receiver.hours(1)
        assert receiver.takes(token)

    @pytest.mark.attack("J11")
    def test_foreign_keys_disturb_nobody(self, provider: ProviderUnderTest, receiver: Receiver) -> None:
        """Keys that are unfit, or of others, lie beside ours; one with our key id leaves none to decide by."""
        token = token_of(provider, ORDERS)
        header = jwt.get_unverified_header(token)
        other = SigningKey.make(str(header["alg"])).jwk()
        unfit: Keys = [
            {"kty": "oct", "kid": header["kid"] + "-oct", "k": "c2VjcmV0"},
            {**other, "use": "enc", "kid": "enc"},
            {"kty": "?", "kid": "odd"},
        ]
        receiver.server.change = lambda keys: [*unfit, other, *keys]
        receiver.start()
        assert receiver.takes(token)
        receiver.server.change = lambda keys: [*unfit, other]
        receiver.hours(1)
        assert receiver.refuses(token) is Reason.UNKNOWN_KEY
        receiver.server.change = lambda keys: [*keys, other, {**other, "kid": header["kid"]}]
        receiver.hours(1)
        assert receiver.refuses(token) is Reason.UNKNOWN_KEY
        receiver.server.change = lambda keys: keys
        receiver.hours(1)
        assert receiver.takes(token)

    @pytest.mark.attack("J36")
    def test_a_token_for_one_service_is_refused_by_the_next(self, provider: ProviderUnderTest, log: Log) -> None:
        """Where the provider can have an audience per destination; of what it cannot, admission's words are tested."""
        destinations = (_HERE, _THERE)
        try:
            provider.needs(ORDERS, destinations)
        except Misconfigured:
            return
        receiver = receiver_of(provider, log, *destinations)
        receiver.start()
        request = provider.mounts(ORDERS, destinations).request(_HERE)
        token = run(provider.plugin.acquire(provider.settings, request, provider.http)).reveal()
        assert receiver.takes(token, _HERE)
        assert receiver.refuses(token, _THERE) is Reason.WRONG_AUDIENCE
        assert receiver.refuses(token) is Reason.WRONG_AUDIENCE
