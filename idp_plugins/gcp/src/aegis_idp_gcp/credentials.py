"""The reconcile function's own sign-in: its ServiceAccount token, exchanged by google-auth for one for the IAM API.

The token stands for the function's own subject of the pool: no service account is in between.
"""

from contextlib import closing
from typing import Any

from aegis_idp.errors import Misconfigured, ProviderError, Refused, Unavailable
from aegis_idp.redaction import quoted
from aegis_idp.values import ProvisionRequest, Secret
from aegis_idp_gcp.settings import GcpSettings

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 10


def iam_token(settings: GcpSettings, request: ProvisionRequest) -> Secret:
    """An access token as the reconcile function. Blocks. Raises ProviderError."""
    answer = _sign_in(settings, request.host_token(settings.shown_audience))
    if isinstance(answer, ProviderError):
        raise answer
    return answer


def _sign_in(settings: GcpSettings, shown: Secret) -> Secret | ProviderError:
    """The error is returned and not raised, so that the SDK's own one, which knows the request, is not behind it."""
    try:
        from google.auth import identity_pool
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError:
        return Misconfigured("google-auth is not installed here: install aegis-idp-gcp[provision]")

    class Shown(identity_pool.SubjectTokenSupplier):
        def get_subject_token(self, context: Any, request: Any) -> str:
            return shown.reveal()

    ask = Request()
    with closing(ask.session):

        def bounded(*asked: Any, **more: Any) -> Any:
            return ask(*asked, **{**more, "timeout": _SECONDS})

        try:
            credentials = identity_pool.Credentials(
                audience=settings.exchange_audience,
                subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106  # the name of a kind of token
                token_url=f"{settings.sts}/v1/token",
                subject_token_supplier=Shown(),
                scopes=[_SCOPE],
            )
            credentials.refresh(bounded)
            return Secret(str(credentials.token))
        except GoogleAuthError as error:
            text = f"signing in at {settings.sts}: {quoted(str(error), (shown,))}"
            # What the SDK takes for final comes from a 4xx that is no throttling.
            if error.retryable or "Unable to acquire" in text or "Too Many Requests" in text:
                return Unavailable(text)
            if "invalid_" in text or "unauthorized" in text:
                return Refused(f"{text}; does {settings.pool_provider} take tokens of this cluster?", "invalid_grant")
            return Unavailable(text)
