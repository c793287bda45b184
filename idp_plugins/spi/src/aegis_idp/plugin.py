"""The five questions that a plugin answers, and one more that few have to."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from aegis_api.names import Subject
from aegis_idp.http import Http
from aegis_idp.values import (
    PodContext,
    PodNeeds,
    Principal,
    Provisioned,
    ProvisionRequest,
    Secret,
    TokenRequest,
    Trust,
)

S = TypeVar("S")


class Plugin(Protocol[S]):
    """An identity provider. It keeps no state: settings come in with every question."""

    @property
    def settings(self) -> type[S]:
        """1. Which settings do I take? An attrs class; see `settings` for the field types it may have."""

    def makes_objects(self, settings: S) -> bool:
        """Whether `provision` makes anything at the provider. If not, a host need not call it, nor guard deletion."""

    def pod_needs(self, settings: S, pod: PodContext) -> PodNeeds:
        """2. What does a pod need? Raises errors.Misconfigured for what this provider cannot do, with the way out.

        Asked for pods with an Identity, and at admission of the Identity, so that its author hears of it first.
        """

    async def acquire(self, settings: S, request: TokenRequest, http: Http) -> Secret:
        """3. How do I get a token for this identity and audience? A JWT, or a ProviderError.

        Called by the proxy when none is cached or the cached one ages.
        """

    async def trust(self, settings: S, http: Http) -> Trust:
        """4. Whose tokens are good? May ask the provider (discovery); called again at times."""

    def subject(self, settings: S, claims: Mapping[str, object]) -> Subject | Principal:
        """4b. Whose token is this? `claims` come from a token whose signature, iss, aud, exp and nbf are good.

        Raises errors.ClaimRefused where they do not lead to one subject. Decides by what a workload cannot choose.
        A Principal, where the provider's tokens hold no more than its own id: the host then looks up whose it is.
        """

    async def provision(self, settings: S, request: ProvisionRequest, http: Http) -> Provisioned:
        """5. How do I make this identity at the provider? Idempotent, and repairs what has drifted.

        Never adopts an object with another owner's mark (errors.ForeignObject). A host runs it in a thread of its own
        (see `blocking.run`), so it may use a vendor's blocking SDK in place of `http`.
        """

    async def deprovision(self, settings: S, request: ProvisionRequest, http: Http) -> None:
        """5b. Removes what `provision` made. What is gone already is success; foreign objects stay."""


@runtime_checkable
class NamesAudiences(Protocol):
    """What a plugin answers beside, whose provider has names of its own for the destinations of tokens."""

    def audiences(self, settings: Any) -> Mapping[str, str]:
        """What `aud` holds in a token for a destination (`<service>.<namespace>.svc`), for all that can have one.

        No two have the same.
        """


def audiences_of(plugin: Plugin[S], settings: S) -> Mapping[str, str] | None:
    """The answer; None where a token's `aud` holds the very audience that was asked for, as with most providers."""
    return plugin.audiences(settings) if isinstance(plugin, NamesAudiences) else None
