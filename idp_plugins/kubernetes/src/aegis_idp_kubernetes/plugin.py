"""The five questions, answered for Kubernetes."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import subject_claim
from aegis_idp.http import Http
from aegis_idp.values import PodContext, PodNeeds, Provisioned, ProvisionRequest, Secret, TokenRequest, Trust
from aegis_idp_kubernetes.keys import trust_of
from aegis_idp_kubernetes.needs import needs_of
from aegis_idp_kubernetes.settings import KubernetesSettings


class KubernetesPlugin:
    settings = KubernetesSettings

    def makes_objects(self, settings: KubernetesSettings) -> bool:
        return False

    def pod_needs(self, settings: KubernetesSettings, pod: PodContext) -> PodNeeds:
        return needs_of(settings, pod)

    async def acquire(self, settings: KubernetesSettings, request: TokenRequest, http: Http) -> Secret:
        return request.service_account_token(request.audience)

    async def trust(self, settings: KubernetesSettings, http: Http) -> Trust:
        return await trust_of(settings, http)

    def subject(self, settings: KubernetesSettings, claims: Mapping[str, object]) -> Subject:
        """`sub`, which the API server itself sets."""
        return subject_claim(claims, "sub")

    async def provision(self, settings: KubernetesSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        return Provisioned()

    async def deprovision(self, settings: KubernetesSettings, request: ProvisionRequest, http: Http) -> None:
        pass
