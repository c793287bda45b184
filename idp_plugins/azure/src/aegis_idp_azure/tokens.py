"""The exchange of a ServiceAccount token for an access token of its application (RFC 7523 section 2.2)."""

from aegis_api.hosts import service_host
from aegis_idp.errors import Misconfigured, Refused
from aegis_idp.http import Http
from aegis_idp.oauth import JWT_BEARER_ASSERTION, fetch_token
from aegis_idp.values import PRINCIPAL, PodContext, PodNeeds, ProjectedToken, Secret, TokenRequest
from aegis_idp_azure.refusals import Asked, with_way_out
from aegis_idp_azure.settings import AzureSettings, is_guid

EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
"""The one audience that a federated identity credential takes."""


def needs_of(settings: AzureSettings, pod: PodContext) -> PodNeeds:
    """The ServiceAccount token for the exchange. Raises Misconfigured for what Entra ID cannot do."""
    if pod.audience_per_destination:
        _require_applications(settings, pod)
    elif settings.version == "2.0" and not is_guid(pod.audience):
        raise Misconfigured(
            f"the audience {pod.audience} is no client id: tokens of version 2.0 are for the client id (a GUID) of an "
            "application; set spec.audience to that"
        )
    return PodNeeds(tokens=(ProjectedToken(EXCHANGE_AUDIENCE, settings.expiration_seconds),))


def _require_applications(settings: AzureSettings, pod: PodContext) -> None:
    """Raises Misconfigured unless each destination that is known is an application."""
    if settings.version != "2.0":
        raise Misconfigured(
            "with audiencePerDestination, tokens are of version 2.0, which alone always have the client id of their "
            'destination for their audience: set config.version to "2.0"'
        )
    hosts = (service_host(host.text) for host in pod.hosts if host.exact)
    missing = sorted({host for host in hosts if host and host not in settings.audiences})
    if missing or not settings.destinations:
        raise Misconfigured(
            "Entra ID takes no free audience: a token is for an application of the tenant. With audiencePerDestination "
            "each Service needs one, without any right: name their client ids in config.destinations"
            + (f"; there is none for {', '.join(missing)}" if missing else "")
        )


async def exchanged(settings: AzureSettings, request: TokenRequest, http: Http) -> Secret:
    """The access token for the wanted audience. Raises ProviderError."""
    client_id = settings.client_id_of(request.subject) or request.metadata.get(PRINCIPAL)
    if not client_id:
        raise Misconfigured(
            f"no application of {request.subject} is known: its Identity is not provisioned yet (see its conditions), "
            "or name its client id in config.clientIds"
        )
    audience = settings.audiences.get(request.audience, request.audience)
    if settings.version == "2.0" and not is_guid(audience):
        raise Misconfigured(
            f"no application stands for {request.audience}: name its client id in config.destinations of the provider"
        )
    shown = request.service_account_token(EXCHANGE_AUDIENCE)
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "scope": f"{audience}/.default",
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": shown.reveal(),
    }
    try:
        return await fetch_token(http, settings.token_endpoint, form, secrets=(shown,))
    except Refused as error:
        raise with_way_out(error, Asked(client_id, str(request.subject), audience)) from error
