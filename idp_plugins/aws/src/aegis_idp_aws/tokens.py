"""A session of the role for the ServiceAccount token, and the token that the session asks for.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html,
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
"""

from aegis_idp.errors import Misconfigured
from aegis_idp.http import Http
from aegis_idp.values import PRINCIPAL, PodContext, PodNeeds, ProjectedToken, Secret, TokenRequest
from aegis_idp_aws.answers import text_of
from aegis_idp_aws.policies import require_fitting
from aegis_idp_aws.query import sts
from aegis_idp_aws.refusals import with_way_out
from aegis_idp_aws.settings import AwsSettings
from aegis_idp_aws.signing import Session

EXCHANGE_AUDIENCE = "sts.amazonaws.com"
"""The audience that an IAM OIDC provider takes for STS."""

_LONGEST_SESSION_NAME = 64


def needs_of(settings: AwsSettings, pod: PodContext) -> PodNeeds:
    """The ServiceAccount token for STS. Raises Misconfigured where no policy can say what is wanted."""
    require_fitting(pod)
    return PodNeeds(tokens=(ProjectedToken(EXCHANGE_AUDIENCE, settings.expiration_seconds),))


async def session_of(settings: AwsSettings, role: str, shown: Secret, name: str, http: Http) -> Session:
    """A session of `role` by a ServiceAccount token; CloudTrail knows it by `name`. Raises ProviderError."""
    form = {
        "RoleArn": role,
        "RoleSessionName": name[:_LONGEST_SESSION_NAME],
        "WebIdentityToken": shown.reveal(),
        "DurationSeconds": str(settings.session_seconds),
    }
    with with_way_out(role):
        result = await sts(settings, http).call("AssumeRoleWithWebIdentity", form, shown=(shown,))
    key, secret, token = (
        text_of(result, ("Credentials", name), "AWS sts, AssumeRoleWithWebIdentity")
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
    )
    return Session(key, Secret(secret), Secret(token))


async def issued(settings: AwsSettings, request: TokenRequest, http: Http) -> Secret:
    """The token for the wanted audience. Raises ProviderError."""
    subject = request.subject
    role = settings.role_of(subject) or request.metadata.get(PRINCIPAL)
    if not role:
        raise Misconfigured(
            f"no role of {subject} is known: its Identity is not provisioned yet (see its conditions), or name "
            "its role in config.roleArns"
        )
    shown = request.service_account_token(EXCHANGE_AUDIENCE)
    session = await session_of(settings, role, shown, f"{subject.namespace}.{subject.name}", http)
    form = {
        "Audience.member.1": request.audience,
        "SigningAlgorithm": settings.signing_algorithm,
        "DurationSeconds": str(settings.token_seconds),
    }
    with with_way_out(role):
        result = await sts(settings, http).call("GetWebIdentityToken", form, session)
    return Secret(text_of(result, ("WebIdentityToken",), "AWS sts, GetWebIdentityToken"))
