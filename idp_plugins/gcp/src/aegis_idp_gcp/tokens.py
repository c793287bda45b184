"""From a ServiceAccount token to an ID token of a Google service account: two requests.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (RFC 8693),
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken.
"""

from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Http, ask_json, post_form
from aegis_idp.oauth import jwt_of
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken, Secret, TokenRequest
from aegis_idp_gcp.refusals import Asked, exchange_refused, token_refused
from aegis_idp_gcp.settings import GcpSettings

_LONGEST_SUBJECT = 127
_EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "scope": "https://www.googleapis.com/auth/iam",
}

EMAIL = "email"
"""The key of an Identity's metadata that holds the address of its service account."""


def needs_of(settings: GcpSettings, pod: PodContext) -> PodNeeds:
    """The ServiceAccount token for the pool. Raises Misconfigured for a subject that a pool cannot map."""
    if len(str(pod.subject)) > _LONGEST_SUBJECT:
        raise Misconfigured(
            f"the subject {pod.subject} is longer than the {_LONGEST_SUBJECT} characters of a google.subject: give the "
            "ServiceAccount, or its namespace, a shorter name"
        )
    return PodNeeds(tokens=(ProjectedToken(settings.shown_audience, settings.expiration_seconds),))


async def id_token(settings: GcpSettings, request: TokenRequest, http: Http) -> Secret:
    """An ID token of the identity's service account for the wanted audience. Raises ProviderError."""
    email = settings.email_of(request.subject) or request.metadata.get(EMAIL)
    if not email:
        raise Misconfigured(
            f"no service account of {request.subject} is known: its Identity is not provisioned yet (see its "
            "conditions), or name its address in config.serviceAccounts"
        )
    asked = Asked(str(request.subject), email, settings.pool_provider)
    shown = request.service_account_token(settings.shown_audience)
    federated = await _federated(settings, shown, asked, http)
    what = f"the ID token of {email}"
    url = f"{settings.iam_credentials}/v1/projects/-/serviceAccounts/{email}:generateIdToken"
    body = {"audience": request.audience, "includeEmail": True}
    response = await ask_json(http, "POST", url, body, bearer=federated)
    try:
        return jwt_of(response.good_answer(what, shown, federated), "token", what)
    except Refused as error:
        raise token_refused(error, asked) from error


async def _federated(settings: GcpSettings, shown: Secret, asked: Asked, http: Http) -> Secret:
    """The opaque access token that the Security Token Service gives for a token of the cluster."""
    url = f"{settings.sts}/v1/token"
    form = {**_EXCHANGE, "audience": settings.exchange_audience, "subject_token": shown.reveal()}
    try:
        answer = (await post_form(http, url, form)).good_answer(url, shown)
    except Refused as error:
        raise exchange_refused(error, asked) from error
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise Unavailable(f"{url}: the answer holds no access_token")
    return Secret(token)
