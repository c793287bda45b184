"""The HTTP client that plugins are handed: bounded in time and size, TLS or a way that stays inside, no redirects."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeadlinePassed
from twisted.internet.interfaces import IReactorTime

from aegis_idp.errors import Misconfigured, Unavailable
from aegis_idp.http import Response
from aegis_idp.urls import check_endpoint

if TYPE_CHECKING:
    from aegis_proxy.shell.dial import Redirected, Tls

DEADLINE = 10.0
MOST_BYTES = 1 << 20


class ApiServer(Protocol):
    """The cluster's API server, asked with the pod's own credentials."""

    @property
    def url(self) -> str: ...

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises Misconfigured for a URL that is not the API server's."""


class HostHttp:
    """`aegis_idp.http.Http` on the reactor. `api` is None outside of a cluster."""

    def __init__(self, reactor: Any, api: ApiServer | None, redirected: "Redirected", tls: "Tls | None" = None) -> None:
        self._reactor = reactor
        self._api = api
        self._redirected = redirected
        self._tls = tls

    @property
    def api_server(self) -> str | None:
        return None if self._api is None else self._api.url

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", as_pod: bool = False
    ) -> Response:
        where = url.partition("?")[0]
        if as_pod:
            if self._api is None:
                raise Misconfigured(f"{where} is asked with the pod's own credentials, and there is no API server here")
            return await self._api.request(method, url, headers, body)
        try:
            check_endpoint(url)
        except ValueError as error:
            raise Misconfigured(f"the URL {where} is refused: wanted {error}") from None
        from aegis_proxy.shell.dial import Tls

        tls = self._tls or Tls()
        return await whole_answer(self._reactor, method, url, headers, body, tls, self._redirected)


async def whole_answer(
    reactor: Any, method: str, url: str, headers: Mapping[str, str], body: bytes, tls: "Tls", redirected: "Redirected"
) -> Response:
    """One request and its whole answer within 10 s and 1 MiB. Raises Unavailable if there is none."""
    from aegis_proxy.shell.dial import ask

    async def exchange() -> Response:
        answer = await ask(reactor, method, url, headers=headers, body=body, tls=tls, redirected=redirected)
        return Response(answer.status, answer.headers, await answer.read(MOST_BYTES))

    return await within(reactor, url.partition("?")[0], Deferred.fromCoroutine(exchange()))


async def within(clock: IReactorTime, where: str, work: "Deferred[Response]") -> Response:
    """The answer, or Unavailable with a sentence that holds nothing of what was sent."""
    try:
        return await work.addTimeout(DEADLINE, clock)
    except (Unavailable, CancelledError):
        raise
    except DeadlinePassed:
        raise Unavailable(f"{where}: no answer within {DEADLINE:g} s") from None
    except Exception as error:  # noqa: BLE001  # of many libraries: TLS, names, sockets, HTTP
        raise Unavailable(f"{where}: no answer ({explained(error)})") from None


def explained(error: BaseException) -> str:
    """The innermost reasons of a failed connection: Twisted wraps them."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return "; ".join(dict.fromkeys(explained(reason.value) for reason in reasons))
    # How OpenSSL tells: a list of (library, function, reason). Those who compare names have lists of their own.
    told = error.args[0] if error.args and isinstance(error.args[0], list) else []
    if told and isinstance(told[-1], tuple):
        return f"TLS failed: {told[-1][-1]}; is its certificate of an authority that is trusted here?"
    text = " ".join(str(error).split())
    return text or type(error).__name__
