"""The reconcile function's own sign-in: its ServiceAccount token, exchanged by azure-identity for one for Graph."""

import re

from aegis_idp.claims import bearer_of
from aegis_idp.errors import Misconfigured, ProviderError, Refused, Throttled, Unavailable
from aegis_idp.redaction import quoted
from aegis_idp.unreachable import why
from aegis_idp.values import ProvisionRequest, Secret
from aegis_idp_azure.refusals import Asked, with_way_out
from aegis_idp_azure.settings import AzureSettings
from aegis_idp_azure.tokens import EXCHANGE_AUDIENCE

_SECONDS = 10
# How azure-identity quotes an answer. What follows is different each time, or the whole answer once more.
_SAID = re.compile(r"\((?P<code>\w+)\) (?P<text>AADSTS[0-9]+: .*?)(?:\s+Trace ID:|'? Content:|$)", re.DOTALL)


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
        return _translated(settings, client_id, error, shown)
    except ValueError:
        return Misconfigured(f"azure-identity takes no such authority as {settings.authority}: it must be https")


def _translated(settings: AzureSettings, client_id: str, error: Exception, shown: Secret) -> ProviderError:
    what = f"signing in as the application {client_id} at {settings.authority}"
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is None:
        return Unavailable(
            f"{what}: no answer: {quoted(why(getattr(error, 'inner_exception', None) or error), (shown,))}"
        )
    found = _SAID.search(str(error))
    said = f": {found['code']} ({quoted(found['text'], (shown,))})" if found else ""
    text = f"{what}: answered with status {status}{said}"
    if not 400 <= status < 500 or status in (408, 429):
        wish = str(getattr(response, "headers", {}).get("retry-after", ""))
        wait = float(wish) if wish.isdecimal() and len(wish) < 7 else None
        return Throttled(text, wait) if status == 429 else Unavailable(text, wait)
    if "AADSTS500011" in said:
        return Refused(f"{text}; is config.graph the Microsoft Graph of this cloud?", "invalid_resource")
    return with_way_out(Refused(text, "invalid_client"), Asked(client_id, bearer_of(shown), settings.graph))
