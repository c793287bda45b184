"""The five questions, answered for OpenID Connect servers."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused, Misconfigured, Refused
from aegis_idp.http import Http
from aegis_idp.oauth import fetch_token
from aegis_idp.openid import discover
from aegis_idp.values import (
    KeySetDocument,
    KeySetUrl,
    PodContext,
    PodNeeds,
    Provisioned,
    ProvisionRequest,
    Secret,
    TokenRequest,
    Trust,
)
from aegis_idp_oidc.grants import ask_for, needs_of
from aegis_idp_oidc.refusals import with_way_out
from aegis_idp_oidc.settings import OidcSettings
from aegis_idp_oidc.templates import subject_in


class OidcPlugin:
    settings = OidcSettings

    def makes_objects(self, settings: OidcSettings) -> bool:
        return settings.keycloak is not None

    def pod_needs(self, settings: OidcSettings, pod: PodContext) -> PodNeeds:
        return needs_of(settings, pod)

    async def acquire(self, settings: OidcSettings, request: TokenRequest, http: Http) -> Secret:
        ask = ask_for(settings, request)
        url = settings.token_endpoint or await _token_endpoint(settings, http)
        try:
            return await fetch_token(http, url, ask.form, headers=ask.headers, secrets=ask.secrets)
        except Refused as error:
            raise with_way_out(error, ask.asked) from error

    async def trust(self, settings: OidcSettings, http: Http) -> Trust:
        keys: KeySetUrl | KeySetDocument
        if settings.jwks is not None:
            keys = KeySetDocument(settings.jwks)
        else:
            keys = KeySetUrl(settings.jwks_uri or (await discover(http, settings.issuer)).jwks_uri)
        return Trust(
            settings.issuer,
            keys,
            frozenset(settings.algorithms),
            frozenset(settings.types),
            settings.max_lifetime_seconds,
        )

    def subject(self, settings: OidcSettings, claims: Mapping[str, object]) -> Subject:
        for name, wanted in settings.required_claims.items():
            if text_claim(claims, name) != wanted:
                raise ClaimRefused(f"the claim {name} is not {wanted}")
        subject = subject_in(settings.subject_template, text_claim(claims, settings.subject_claim))
        if subject is None:
            raise ClaimRefused(f"the claim {settings.subject_claim} is not of the form {settings.subject_template}")
        return subject

    async def provision(self, settings: OidcSettings, request: ProvisionRequest, http: Http) -> Provisioned:
        if settings.keycloak is None:
            return Provisioned()
        from aegis_idp_oidc.keycloak import provisioning  # which a sidecar never needs, and so never loads

        return await provisioning.make(settings, settings.keycloak, request, http)

    async def deprovision(self, settings: OidcSettings, request: ProvisionRequest, http: Http) -> None:
        from aegis_idp_oidc.keycloak import provisioning

        if settings.keycloak is not None:
            await provisioning.remove(settings, settings.keycloak, request, http)
        elif client := request.metadata.get(provisioning.CLIENT):
            raise Misconfigured(
                f"the client {client} was made at {settings.issuer} by earlier settings: set config.keycloak again "
                "until it is removed"
            )


async def _token_endpoint(settings: OidcSettings, http: Http) -> str:
    found = (await discover(http, settings.issuer)).token_endpoint
    if found is None:
        raise Misconfigured(f"the issuer {settings.issuer} names no token endpoint: set config.tokenEndpoint")
    return found
