"""Plugins by name. Only the plugin that is asked for is imported; one that fails to load fails loudly."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from aegis_idp.plugin import Plugin

GROUP = "aegis.idp"

ANSWERS = (
    "settings",
    "makes_objects",
    "pod_needs",
    "acquire",
    "trust",
    "subject",
    "provision",
    "deprovision",
)


class PluginError(Exception):
    """A plugin that cannot be used. Its text says what to do."""


def installed() -> tuple[str, ...]:
    """The provider types whose plugins are installed, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def load(provider_type: str) -> Plugin[Any]:
    """The plugin of a provider type. Raises PluginError if it is not installed, ambiguous, or does not load."""
    found = tuple(entry_points(group=GROUP, name=provider_type))
    if not found:
        names = ", ".join(installed()) or "none"
        raise PluginError(f"no plugin for the provider type {provider_type} is installed here (installed: {names})")
    if len({entry.value for entry in found}) > 1:
        owners = ", ".join(sorted(str(entry.dist.name) if entry.dist else entry.value for entry in found))
        raise PluginError(f"several plugins claim the provider type {provider_type}: {owners}; keep one of them")
    return _load(found[0])


def _load(entry: EntryPoint) -> Plugin[Any]:
    try:
        plugin = entry.load()
    except Exception as error:  # a plugin is foreign code: whatever it raises becomes one clear sentence
        raise PluginError(f"the plugin {entry.name} ({entry.value}) does not load: {error!r}") from error
    missing = [name for name in ANSWERS if not hasattr(plugin, name)]
    if missing:
        raise PluginError(f"the plugin {entry.name} ({entry.value}) is no plugin: it lacks {', '.join(missing)}")
    return plugin  # type: ignore[no-any-return]  # an entry point's object has no static type; checked above
