"""The five questions, answered for AWS: by roles of IAM, or by an identity pool of Cognito."""

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
from aegis_idp_aws import callers, tokens
from aegis_idp_aws.cognito import callers as pool_callers
from aegis_idp_aws.cognito import tokens as pool_tokens
from aegis_idp_aws.cognito.identities import Identities, make_identity, remove_identity
from aegis_idp_aws.cognito.pool import pool_of
from aegis_idp_aws.query import iam
from aegis_idp_aws.roles import Roles, Wanted, make_role, remove_role
from aegis_idp_aws.settings import AwsSettings
from aegis_idp_aws.signing import Session
from aegis_idp_aws.tokens import EXCHANGE_AUDIENCE, session_of


class AwsPlugin:
    settings = AwsSettings

    def makes_objects(self, settings: AwsSettings) -> bool:
        return settings.provision_as is not None

    def pod_needs(self, settings: AwsSettings, pod: PodContext) -> PodNeeds:
        pool = pool_of(settings)
        return pool_tokens.needs_of(pool, pod) if pool else tokens.needs_of(settings, pod)

    async def acquire(self, settings: AwsSettings, request: TokenRequest, http: Http) -> Secret:
        pool = pool_of(settings)
        return await (pool_tokens.issued(pool, request, http) if pool else tokens.issued(settings, request, http))

    async def trust(self, settings: AwsSettings, http: Http) -> Trust:
        pool = pool_of(settings)
        return pool_callers.trust_of(pool) if pool else callers.trust_of(settings)

    def subject(self, settings: AwsSettings, claims: Mapping[str, object]) -> Subject | Principal:
        pool = pool_of(settings)
        return pool_callers.caller(pool, claims) if pool else callers.caller(settings, claims)

    async def provision(self, settings: AwsSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        if settings.role_of(request.subject) is not None or settings.provision_as is None:
            return Provisioned()
        shown = request.host_token(EXCHANGE_AUDIENCE)
        session = await _session(settings, settings.provision_as, shown, http)
        pool = pool_of(settings)
        if pool:
            return await make_identity(Identities(pool, session, http), request)
        roles = Roles(iam(settings, http), session, settings.provision_as, Wanted.of(request))
        return await make_role(settings, roles, request, issuer_of(shown))

    async def deprovision(self, settings: AwsSettings, request: ProvisionRequest, http: Http) -> None:
        if settings.role_of(request.subject) is not None or settings.provision_as is None:
            return
        shown = request.host_token(EXCHANGE_AUDIENCE)
        session = await _session(settings, settings.provision_as, shown, http)
        pool = pool_of(settings)
        if pool:
            await remove_identity(Identities(pool, session, http), request)
        else:
            await remove_role(Roles(iam(settings, http), session, settings.provision_as, Wanted.of(request)))


async def _session(settings: AwsSettings, role: str, shown: Secret, http: Http) -> Session:
    """The reconcile function's own, as the role that makes the others."""
    return await session_of(settings, role, shown, "aegis-reconcile", http)
