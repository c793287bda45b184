"""The five questions, answered for Microsoft Entra ID."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import issuer_of
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
from aegis_idp_azure.applications import make_application, remove_application
from aegis_idp_azure.callers import caller, trust_of
from aegis_idp_azure.credentials import graph_token
from aegis_idp_azure.graph import Graph
from aegis_idp_azure.settings import AzureSettings
from aegis_idp_azure.tokens import EXCHANGE_AUDIENCE, exchanged, needs_of


class AzurePlugin:
    settings = AzureSettings

    def makes_objects(self, settings: AzureSettings) -> bool:
        return settings.provision_as is not None

    def pod_needs(self, settings: AzureSettings, pod: PodContext) -> PodNeeds:
        return needs_of(settings, pod)

    async def acquire(self, settings: AzureSettings, request: TokenRequest, http: Http) -> Secret:
        return await exchanged(settings, request, http)

    async def trust(self, settings: AzureSettings, http: Http) -> Trust:
        return trust_of(settings)

    def subject(self, settings: AzureSettings, claims: Mapping[str, object]) -> Subject | Principal:
        return caller(settings, claims)

    def audiences(self, settings: AzureSettings) -> Mapping[str, str]:
        return settings.audiences

    async def provision(self, settings: AzureSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        if not _is_ours_to_make(settings, request):
            return Provisioned()
        graph = Graph(settings.graph, http, graph_token(settings, request))
        return await make_application(graph, request, issuer_of(request.host_token(EXCHANGE_AUDIENCE)))

    async def deprovision(self, settings: AzureSettings, request: ProvisionRequest, http: Http) -> None:
        if _is_ours_to_make(settings, request):
            await remove_application(Graph(settings.graph, http, graph_token(settings, request)), request)


def _is_ours_to_make(settings: AzureSettings, request: ProvisionRequest) -> bool:
    return settings.provision_as is not None and settings.client_id_of(request.subject) is None
