"""What a plan is told about the world beyond the API server: answers and failures, as values."""

from typing import Any

from attrs import field, frozen

from aegis_api.provider import AnyProvider, IdentityProvider
from aegis_idp.plugin import Plugin

NOT_ALLOWED = "ProviderNotAllowed"
"""The reason where a provider of the cluster does not select the namespace."""

THROTTLED = "ProviderThrottled"
"""The reason where a provider is asked too much."""


@frozen
class Problem:
    """What stands in the way of an object.

    `reason` is one CamelCase word for a condition, `message` tells its reader what happened and what to do.
    `again`: the same attempt may go through later, after `retry_after` seconds if the provider said so.
    `reachable`: whether the provider answered (None: it was not asked).
    """

    reason: str
    message: str
    again: bool = False
    retry_after: float | None = None
    reachable: bool | None = None

    @property
    def is_outage(self) -> bool:
        """Whether the next call to the same provider would fare no better."""
        return self.reachable is False or self.reason == THROTTLED


@frozen
class Usable:
    """A provider whose plugin is installed and whose settings are good.

    `makes_objects`: whether the plugin, with these settings, makes anything for an Identity.
    """

    provider: AnyProvider
    plugin: Plugin[Any]
    settings: object = field(repr=False)
    makes_objects: bool

    @property
    def reference(self) -> str:
        """`Kind/name`: which provider this is, for an Identity of its namespace."""
        kind = "IdentityProvider" if isinstance(self.provider, IdentityProvider) else "ClusterIdentityProvider"
        return f"{kind}/{self.provider.metadata.name}"


@frozen
class Trusted:
    """The plugin says whose tokens are good: those of `issuer`."""

    issuer: str


@frozen
class Removed:
    """What was made at the provider is gone."""
