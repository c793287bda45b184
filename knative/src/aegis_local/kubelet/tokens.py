"""The projected ServiceAccount tokens of one pod, renewed before they expire."""

from collections.abc import Callable, Iterable

from attrs import field, frozen

from aegis_local.client.api import Api
from aegis_local.client.resources import Key, Object
from aegis_local.kubelet.volumes import TokenSpec

# The kubelet renews a token when 80 % of its life has passed.
_RENEW_AT = 0.8


@frozen
class _Held:
    token: bytes = field(repr=False)
    renew: float


class TokenKeeper:
    """Asks the API for tokens bound to `pod`; `clock` gives seconds."""

    def __init__(self, api: Api, pod: Object, clock: Callable[[], float]) -> None:
        self._api = api
        self._pod = pod
        self._clock = clock
        self._held: dict[TokenSpec, _Held] = {}

    async def current(self, wanted: Iterable[TokenSpec]) -> dict[TokenSpec, bytes]:
        """A token for each, new ones where none is held or the held one is old."""
        return {spec: await self._token(spec) for spec in wanted}

    async def _token(self, spec: TokenSpec) -> bytes:
        held = self._held.get(spec)
        if held is None or self._clock() >= held.renew:
            metadata, account = self._pod["metadata"], self._pod["spec"].get("serviceAccountName", "default")
            asked = self._clock()
            issued = await self._api.token(
                Key(metadata["namespace"], account),
                [spec.audience] if spec.audience else [],
                spec.seconds,
                bound_to=self._pod,
            )
            held = self._held[spec] = _Held(issued.token.encode(), asked + issued.seconds * _RENEW_AT)
        return held.token
