"""The five questions, answered for the token service."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import subject_claim
from aegis_idp.errors import Refused
from aegis_idp.http import Http, ask_json
from aegis_idp.oauth import jwt_of
from aegis_idp.openid import discover
from aegis_idp.values import (
    KeySetUrl,
    PodContext,
    PodNeeds,
    ProjectedToken,
    Provisioned,
    ProvisionRequest,
    Secret,
    TokenRequest,
    Trust,
)
from aegis_idp_template.accounts import make_account, remove_account
from aegis_idp_template.settings import TemplateSettings


class TemplatePlugin:
    settings = TemplateSettings

    def makes_objects(self, settings: TemplateSettings) -> bool:
        return True

    def pod_needs(self, settings: TemplateSettings, pod: PodContext) -> PodNeeds:
        """A ServiceAccount token whose audience is the service, so that it is good nowhere else."""
        return PodNeeds(tokens=(ProjectedToken(settings.address, settings.expiration_seconds),))

    async def acquire(self, settings: TemplateSettings, request: TokenRequest, http: Http) -> Secret:
        shown = request.service_account_token(settings.address)
        url = f"{settings.address}/token"
        body = {"token": shown.reveal(), "audience": request.audience}
        response = await ask_json(http, "POST", url, body)
        try:
            answer = response.good_answer(url, shown)
        except Refused as error:
            raise Refused(
                f"{error}; has the account of {request.subject} been made, and does the service trust this cluster?",
                error.code,
            ) from error
        return jwt_of(answer, "token", url)

    async def trust(self, settings: TemplateSettings, http: Http) -> Trust:
        found = await discover(http, settings.address)
        return Trust(found.issuer, KeySetUrl(found.jwks_uri), frozenset({"ES256", "RS256"}), types=frozenset())

    def subject(self, settings: TemplateSettings, claims: Mapping[str, object]) -> Subject:
        """`sub`, which the service takes from the ServiceAccount token that it verified."""
        return subject_claim(claims, "sub")

    async def provision(self, settings: TemplateSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        return await make_account(settings, request, http)

    async def deprovision(self, settings: TemplateSettings, request: ProvisionRequest, http: Http) -> None:
        await remove_account(settings, request, http)
