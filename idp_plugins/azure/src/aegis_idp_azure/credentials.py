"""The reconcile function's own sign-in: its ServiceAccount token, exchanged by azure-identity for one for Graph."""

from aegis_idp.errors import Misconfigured, ProviderError, Refused, Unavailable
from aegis_idp.redaction import quoted
from aegis_idp.values import ProvisionRequest, Secret
from aegis_idp_azure.refusals import Asked, with_way_out
from aegis_idp_azure.settings import AzureSettings
from aegis_idp_azure.tokens import EXCHANGE_AUDIENCE

_SECONDS = 10


def graph_token(settings: AzureSettings, request: ProvisionRequest) -> Secret:
    """An access token for Graph as the application `provision_as`. Blocks. Raises ProviderError."""
    if settings.provision_as is None:
        raise Misconfigured("nothing is made at Entra ID without config.provisionAs")
    shown = request.host_token(EXCHANGE_AUDIENCE)
    answer = _sign_in(settings, settings.provision_as, shown)
    if isinstance(answer, ProviderError):
        raise answer
    return answer


def _sign_in(settings: AzureSettings, client_id: str, shown: Secret) -> Secret | ProviderError:
    """The error is returned and not raised, so that the SDK's own one, which knows the request, is not behind it."""
    try:
        from azure.core.exceptions import AzureError
        from azure.identity import ClientAssertionCredential
    except ImportError:
        return Misconfigured("azure-identity is not installed here: install aegis-idp-azure[provision]")
    try:
        with ClientAssertionCredential(
            settings.tenant,
            client_id,
            shown.reveal,
            authority=settings.authority,
            disable_instance_discovery=True,
            # The host tries again, and later.
            retry_total=0,
            connection_timeout=_SECONDS,
            read_timeout=_SECONDS,
        ) as credential:
            return Secret(credential.get_token(f"{settings.graph}/.default").token)
    except AzureError as error:
        asked = Asked(client_id, "the reconcile function's ServiceAccount", settings.graph)
        return _translated(error, quoted(str(error), (shown,)), asked)
    except ValueError:
        return Misconfigured(f"azure-identity takes no such authority as {settings.authority}: it must be https")


def _translated(error: Exception, text: str, asked: Asked) -> ProviderError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    what = f"signing in as the application {asked.client}"
    if not 400 <= status < 500 or status in (408, 429):
        wish = str(getattr(response, "headers", {}).get("retry-after", ""))
        return Unavailable(f"{what}: {text}", float(wish) if wish.isdecimal() and len(wish) < 7 else None)
    return with_way_out(Refused(f"{what}: {text}", "invalid_client"), asked)
