"""The API as a ServiceAccount sees it, with a token that is renewed."""

from aegis_local.client.access import Access
from aegis_local.client.api import Api
from aegis_local.client.connection import Connection
from aegis_local.client.errors import ApiRefused, ApiUnreachable
from aegis_local.client.resources import Key
from aegis_local.reactors import Reactor
from aegis_local.tasks import sleep

_SECONDS = 3600
_RENEW_AT = 0.8
_RETRY_SECONDS = 5.0


class AccountApi:
    """`api` asks as the ServiceAccount `account`. `renew` must run beside it."""

    def __init__(self, reactor: Reactor, issuer: Api, account: Key) -> None:
        self._reactor = reactor
        self._issuer = issuer
        self._account = account
        self._token = ""
        self._life = 0.0
        issuing = issuer.connection.access
        access = Access(issuing.server, issuing.ca, token=lambda: self._token)
        self.api = Api(Connection(reactor, access))

    async def begin(self) -> None:
        """Get the first token. Raises ApiRefused or ApiUnreachable."""
        issued = await self._issuer.token(self._account, seconds=_SECONDS)
        self._token, self._life = issued.token, issued.seconds

    async def renew(self) -> None:
        """Keep the token fresh until cancelled."""
        while True:
            await sleep(self._reactor, self._life * _RENEW_AT)
            while True:
                try:
                    await self.begin()
                    break
                except (ApiRefused, ApiUnreachable):
                    await sleep(self._reactor, _RETRY_SECONDS)
