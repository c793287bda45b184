"""An identity provider in memory and its plugins, for tests of the reconcile function."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.discovery import PluginError
from aegis_idp.errors import ForeignObject
from aegis_idp.http import Http
from aegis_idp.settings import setting
from aegis_idp.values import (
    PRINCIPAL,
    KeySetDocument,
    PodContext,
    PodNeeds,
    Provisioned,
    ProvisionRequest,
    Secret,
    TokenRequest,
    Trust,
)


@frozen
class Settings:
    issuer: str = setting("The issuer", default="https://issuer.test")
    mode: Literal["good", "bad"] = setting("How it behaves", default="good")


class ProviderInMemory:
    """The objects at the provider by name, each with its owner's mark, and the calls that came."""

    def __init__(self, makes_objects: bool = False) -> None:
        self.settings = Settings
        self._makes_objects = makes_objects
        self.objects: dict[str, tuple[str, str]] = {}
        self.calls: list[str] = []
        self.gives_ids = False
        """Whether its tokens hold no more than an id of its own."""
        self.failure: Exception | None = None
        """Raised by each question that asks the provider."""
        self.removal_failure: Exception | None = None
        """Raised by deprovision alone."""
        self.unsuitable: Exception | None = None
        """Raised by pod_needs."""

    def makes_objects(self, settings: object) -> bool:
        return self._makes_objects

    def load(self, provider_type: str) -> "ProviderInMemory":
        """As `discovery.load`."""
        if provider_type != "memory":
            raise PluginError(f"no plugin for the provider type {provider_type} is installed here (installed: memory)")
        return self

    def pod_needs(self, settings: Settings, pod: PodContext) -> PodNeeds:
        if self.unsuitable:
            raise self.unsuitable
        return PodNeeds()

    async def acquire(self, settings: Settings, request: TokenRequest, http: Http) -> Secret:
        raise NotImplementedError("the reconcile function needs no tokens")

    async def trust(self, settings: Settings, http: Http) -> Trust:
        self._asked("trust")
        return Trust(settings.issuer, KeySetDocument({"keys": []}), frozenset({"RS256"}))

    def subject(self, settings: Settings, claims: Mapping[str, object]) -> Subject:
        raise NotImplementedError("the reconcile function judges no tokens")

    async def provision(self, settings: Settings, request: ProvisionRequest, http: Http) -> Provisioned:
        self._asked("provision")
        name, owner = self._of(request)
        if self.objects.setdefault(name, owner) != owner:
            raise ForeignObject(f"the role {name} is another cluster's or Identity's")
        return Provisioned({"role": name, **({PRINCIPAL: f"id-{name}"} if self.gives_ids else {})})

    async def deprovision(self, settings: Settings, request: ProvisionRequest, http: Http) -> None:
        self._asked("deprovision")
        if self.removal_failure:
            raise self.removal_failure
        name, owner = self._of(request)
        if self.objects.get(name, owner) != owner:
            raise ForeignObject(f"the role {name} is another cluster's or Identity's")
        self.objects.pop(name, None)

    def _asked(self, question: str) -> None:
        self.calls.append(question)
        if self.failure:
            raise self.failure

    @staticmethod
    def _of(request: ProvisionRequest) -> tuple[str, tuple[str, str]]:
        return f"{request.subject.namespace}-{request.subject.name}", (request.owner.cluster, request.owner.uid)


class NoHttp:
    """A client for providers that are asked without one."""

    api_server: str | None = None

    async def request(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a provider in memory needs no HTTP")
