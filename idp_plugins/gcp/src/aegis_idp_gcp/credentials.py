"""The reconcile function's own sign-in: its ServiceAccount token, exchanged by google-auth for one for the IAM API.

The token stands for the function's own subject of the pool: no service account is in between.
"""

from contextlib import closing
from typing import Any

from aegis_idp.claims import bearer_of
from aegis_idp.errors import Misconfigured, ProviderError, Refused, Throttled, Unavailable
from aegis_idp.redaction import quoted
from aegis_idp.unreachable import why
from aegis_idp.values import ProvisionRequest, Secret
from aegis_idp_gcp.refusals import Asked, exchange_refused
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
        answers: list[int] = []

        def bounded(*asked: Any, **more: Any) -> Any:
            answer = ask(*asked, **{**more, "timeout": _SECONDS})
            answers.append(answer.status)
            return answer

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
            return _translated(settings, error, answers[-1] if answers else 0, shown)


def _translated(settings: GcpSettings, error: Exception, status: int, shown: Secret) -> ProviderError:
    """`status` is that of the last answer, 0 if there was none."""
    what = f"signing in at {settings.sts}"
    if not status:
        return Unavailable(f"{what}: no answer: {quoted(why(error), (shown,))}")
    # The second argument would be the whole answer.
    said = quoted(str(error.args[0] if error.args else ""), (shown,))
    text = f"{what}: answered with status {status}" + (f": {said}" if said else "")
    if status == 429:
        return Throttled(text)
    if not 400 <= status < 500 or status == 408:
        return Unavailable(text)
    asked = Asked(bearer_of(shown), "", settings.pool_provider)
    return exchange_refused(Refused(text, "invalid_grant"), asked)
