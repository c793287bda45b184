"""Keeps the trust in each provider whose tokens this pod accepts."""

from collections.abc import Callable, Iterator, Mapping

from twisted.internet.defer import Deferred

from aegis_api.provider import AnyProvider, ProviderSpec
from aegis_idp.errors import Misconfigured
from aegis_proxy.core.acceptance import Trusted, Untrusted
from aegis_proxy.core.knowledge import Held, Pending, Present
from aegis_proxy.shell.keysets import TrustKeeper
from aegis_proxy.shell.plugins import Provider, Providers


class Keepers:
    """One TrustKeeper for each provider that is there, by the name that the pod knows it by. `make` makes one."""

    def __init__(self, providers: Providers, make: Callable[[Provider], TrustKeeper]) -> None:
        self._providers = providers
        self._make = make
        self._keepers: dict[str, TrustKeeper] = {}
        self._undecided = True

    def follow(self, accepted: Mapping[str, Held[AnyProvider]]) -> Mapping[str, Trusted | Untrusted]:
        """What is known of each provider that is present. Another one of a name, or another config, starts anew."""
        present = {name: held.resource.spec for name, held in accepted.items() if isinstance(held, Present)}
        for name in self._keepers.keys() - present.keys():
            self._drop(name)
        trusted = {name: self._trust(name, spec) for name, spec in present.items()}
        pending = any(isinstance(held, Pending) for held in accepted.values())
        self._undecided = pending or not all(keeper.tried for keeper in self._keepers.values())
        return trusted

    def _trust(self, name: str, spec: ProviderSpec) -> Trusted | Untrusted:
        try:
            provider = self._providers.get(spec)
        except Misconfigured as error:
            self._drop(name)
            return Untrusted(str(error))
        if name in self._keepers and self._keepers[name].provider is not provider:
            self._drop(name)
        if name not in self._keepers:
            self._keepers[name] = self._make(provider)
            self._keepers[name].start()
        return self._keepers[name].trusted

    def _drop(self, name: str) -> None:
        if name in self._keepers:
            self._keepers.pop(name).stop()

    @property
    def undecided(self) -> bool:
        """Whether of some provider it is not known yet if there is anything to be known of it."""
        return self._undecided

    def refetch(self, issuer: str, kid: str) -> "Deferred[None] | None":
        """See TrustKeeper.refetch. None as well where no keeper, or more than one, knows the issuer."""
        found = [keeper for keeper in self._keepers.values() if _issuer(keeper) == issuer]
        return found[0].refetch(kid) if len(found) == 1 else None

    def issuer_of(self, provider: Provider) -> str:
        """The issuer of a provider that is accepted here, too; empty while nothing is known of it."""
        return next((_issuer(keeper) for keeper in self._keepers.values() if keeper.provider is provider), "")

    def problems(self) -> Iterator[tuple[str, str]]:
        """The providers whose keys could not be fetched of late, and why."""
        return ((name, keeper.problem) for name, keeper in self._keepers.items() if keeper.problem)

    def oldest(self) -> float:
        """Seconds since the oldest keys were fetched; 0 if none were."""
        return max((keeper.key_age() for keeper in self._keepers.values()), default=0.0)

    def stop(self) -> None:
        for keeper in self._keepers.values():
            keeper.stop()


def _issuer(keeper: TrustKeeper) -> str:
    return keeper.trusted.trust.issuer if isinstance(keeper.trusted, Trusted) else ""
