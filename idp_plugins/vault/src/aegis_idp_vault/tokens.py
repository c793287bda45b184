"""From a ServiceAccount token to an identity token: a login, and the token of the identity's own OIDC role."""

from aegis_idp.http import Http
from aegis_idp.oauth import jwt_of
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken, Secret, TokenRequest
from aegis_idp_vault.marks import wanted_roles
from aegis_idp_vault.names import role_name, role_suffix
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.wire import Vault, login, part


def needs_of(settings: VaultSettings, pod: PodContext) -> PodNeeds:
    """One ServiceAccount token, whatever the audiences. Raises Misconfigured where Vault cannot know these."""
    wanted_roles(pod)
    return PodNeeds((ProjectedToken(settings.login_audience, settings.expiration_seconds),))


async def fetch(settings: VaultSettings, request: TokenRequest, http: Http) -> Secret:
    """Two requests; the token of the login is used once, and dropped."""
    account_token = request.service_account_token(settings.login_audience)
    session = await login(Vault(settings, http), settings.role, account_token)
    role = role_name(settings.mount, session.entity, request.subject, role_suffix(request.audience))
    what = f"the identity token of {request.subject} for {request.audience} (role {role})"
    answer = await session.vault.ask("GET", f"identity/oidc/token/{role}", what)
    return jwt_of(part(answer, "data"), "token", what)
