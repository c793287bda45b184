"""The plugin of a provider together with its settings: one object to ask."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import CancelledError

from aegis_api.annotations import MOST_PROVIDERS
from aegis_api.names import Subject
from aegis_api.provider import ProviderSpec
from aegis_api.reading import Node, ParseError
from aegis_idp.discovery import PluginError, load
from aegis_idp.errors import Misconfigured, ProviderError
from aegis_idp.http import Http
from aegis_idp.plugin import Plugin, audiences_of
from aegis_idp.settings import read_settings
from aegis_idp.values import Principal, Secret, TokenRequest, Trust

# Those that a pod may accept, its own, and a few more while an operator tries settings.
_REMEMBERED = 2 * MOST_PROVIDERS


class PluginDefect(Exception):  # named by what happened
    """A plugin raised what no plugin may raise. Its text never holds the foreign error's own text."""


@frozen(eq=False)
class Provider:
    """The questions of aegis_idp.plugin.Plugin with the settings filled in.

    They raise ProviderError, or PluginDefect for anything else that a plugin raises. `audiences` is what `aud` holds by
    destination, where the provider has names of its own for them.
    """

    spec: ProviderSpec
    _plugin: Plugin[Any] = field(repr=False)
    _settings: Any = field(repr=False)
    audiences: Mapping[str, str] | None = field(default=None, repr=False)

    def audience_claim(self, audience: str) -> str:
        """What `aud` must hold in a token that is asked for with `audience`."""
        return (self.audiences or {}).get(audience, audience)

    async def trust(self, http: Http) -> Trust:
        try:
            return await self._plugin.trust(self._settings, http)
        except (ProviderError, CancelledError):
            raise
        except Exception as error:
            raise _defect(self.spec.type, "trust", error) from error

    async def acquire(self, request: TokenRequest, http: Http) -> Secret:
        try:
            return await self._plugin.acquire(self._settings, request, http)
        except (ProviderError, CancelledError):
            raise
        except Exception as error:
            raise _defect(self.spec.type, "acquire", error) from error

    def subject(self, claims: Mapping[str, object]) -> Subject | Principal:
        """Whatever the plugin raises goes through: `core.tokens` turns it into a refusal."""
        return self._plugin.subject(self._settings, claims)


def _defect(provider_type: str, question: str, error: Exception) -> PluginDefect:
    return PluginDefect(f"the plugin {provider_type} failed at {question} with {type(error).__name__}")


def provider_of(spec: ProviderSpec) -> Provider:
    """Loads the plugin of `spec`. Raises Misconfigured if it is not installed or does not take the settings."""
    try:
        plugin = load(spec.type)
        settings = read_settings(plugin.settings, Node(spec.config, "spec.config"))
        return Provider(spec, plugin, settings, audiences_of(plugin, settings))
    except (PluginError, ParseError) as error:
        raise Misconfigured(str(error)) from None


class Providers:
    """Providers by type and config: the same object for the same settings, however often they are looked up."""

    def __init__(self) -> None:
        self._made: list[tuple[ProviderSpec, Provider | Misconfigured]] = []

    def get(self, spec: ProviderSpec) -> Provider:
        """Raises Misconfigured as `provider_of` does, which is asked once for each."""
        made = next((made for known, made in self._made if _same(known, spec)), None)
        if made is None:
            try:
                made = provider_of(spec)
            except Misconfigured as error:
                made = error
            self._made = [*self._made[1 - _REMEMBERED :], (spec, made)]
        if isinstance(made, Misconfigured):
            raise made
        return made


def _same(one: ProviderSpec, other: ProviderSpec) -> bool:
    return (one.type, one.config) == (other.type, other.config)
