"""The five questions, answered for Google Cloud."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import bearer_of
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
from aegis_idp_gcp.accounts import make_account, remove_account
from aegis_idp_gcp.callers import caller, trust_of
from aegis_idp_gcp.credentials import iam_token
from aegis_idp_gcp.iam import Iam
from aegis_idp_gcp.settings import GcpSettings
from aegis_idp_gcp.tokens import id_token, needs_of


class GcpPlugin:
    settings = GcpSettings

    def makes_objects(self, settings: GcpSettings) -> bool:
        return settings.provision

    def pod_needs(self, settings: GcpSettings, pod: PodContext) -> PodNeeds:
        return needs_of(settings, pod)

    async def acquire(self, settings: GcpSettings, request: TokenRequest, http: Http) -> Secret:
        return await id_token(settings, request, http)

    async def trust(self, settings: GcpSettings, http: Http) -> Trust:
        return trust_of(settings)

    def subject(self, settings: GcpSettings, claims: Mapping[str, object]) -> Subject | Principal:
        return caller(settings, claims)

    async def provision(self, settings: GcpSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        if not _is_ours_to_make(settings, request):
            return Provisioned()
        return await make_account(_iam(settings, request, http), settings, request)

    async def deprovision(self, settings: GcpSettings, request: ProvisionRequest, http: Http) -> None:
        if _is_ours_to_make(settings, request):
            await remove_account(_iam(settings, request, http), settings, request)


def _is_ours_to_make(settings: GcpSettings, request: ProvisionRequest) -> bool:
    return settings.provision and settings.email_of(request.subject) is None


def _iam(settings: GcpSettings, request: ProvisionRequest, http: Http) -> Iam:
    token = iam_token(settings, request)
    member = settings.member(bearer_of(request.host_token(settings.shown_audience)))
    return Iam(settings.iam, settings.project, member, http, token)
