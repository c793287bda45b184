"""The five questions, answered for Vault."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.http import Http
from aegis_idp.values import PodContext, PodNeeds, Provisioned, ProvisionRequest, Secret, TokenRequest, Trust
from aegis_idp_vault.provision import make, remove
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.tokens import fetch, needs_of
from aegis_idp_vault.trust import subject_of, trust_of


class VaultPlugin:
    settings = VaultSettings

    def makes_objects(self, settings: VaultSettings) -> bool:
        return True

    def pod_needs(self, settings: VaultSettings, pod: PodContext) -> PodNeeds:
        return needs_of(settings, pod)

    async def acquire(self, settings: VaultSettings, request: TokenRequest, http: Http) -> Secret:
        return await fetch(settings, request, http)

    async def trust(self, settings: VaultSettings, http: Http) -> Trust:
        return await trust_of(settings, http)

    def subject(self, settings: VaultSettings, claims: Mapping[str, object]) -> Subject:
        return subject_of(settings, claims)

    async def provision(self, settings: VaultSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        return await make(settings, request, http)

    async def deprovision(self, settings: VaultSettings, request: ProvisionRequest, http: Http) -> None:
        await remove(settings, request, http)
