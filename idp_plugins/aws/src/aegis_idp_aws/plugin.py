"""The five questions, answered for AWS IAM."""

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
from aegis_idp_aws.callers import caller, trust_of
from aegis_idp_aws.query import iam
from aegis_idp_aws.roles import Roles, Wanted, make_role, remove_role
from aegis_idp_aws.settings import AwsSettings
from aegis_idp_aws.tokens import EXCHANGE_AUDIENCE, issued, needs_of, session_of


class AwsPlugin:
    settings = AwsSettings

    def makes_objects(self, settings: AwsSettings) -> bool:
        return settings.provision_as is not None

    def pod_needs(self, settings: AwsSettings, pod: PodContext) -> PodNeeds:
        return needs_of(settings, pod)

    async def acquire(self, settings: AwsSettings, request: TokenRequest, http: Http) -> Secret:
        return await issued(settings, request, http)

    async def trust(self, settings: AwsSettings, http: Http) -> Trust:
        return trust_of(settings)

    def subject(self, settings: AwsSettings, claims: Mapping[str, object]) -> Subject | Principal:
        return caller(settings, claims)

    async def provision(self, settings: AwsSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        if settings.role_of(request.subject) is not None or settings.provision_as is None:
            return Provisioned()
        shown = request.host_token(EXCHANGE_AUDIENCE)
        roles = await _roles(settings, settings.provision_as, shown, request, http)
        return await make_role(settings, roles, request, issuer_of(shown))

    async def deprovision(self, settings: AwsSettings, request: ProvisionRequest, http: Http) -> None:
        if settings.role_of(request.subject) is None and settings.provision_as is not None:
            shown = request.host_token(EXCHANGE_AUDIENCE)
            await remove_role(await _roles(settings, settings.provision_as, shown, request, http))


async def _roles(settings: AwsSettings, role: str, shown: Secret, request: ProvisionRequest, http: Http) -> Roles:
    """IAM, as the reconcile function's own role."""
    session = await session_of(settings, role, shown, "aegis-reconcile", http)
    return Roles(iam(settings, http), session, role, Wanted.of(request))
