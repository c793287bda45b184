"""Who may be the role of an identity, and which tokens the role may ask for.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
"""

import json
from collections.abc import Mapping

from aegis_api.hosts import HostPattern, service_host
from aegis_idp.errors import Misconfigured
from aegis_idp.values import PodContext, ProvisionRequest
from aegis_idp_aws.arns import Home, without_scheme
from aegis_idp_aws.settings import AwsSettings

_LONGEST_INLINE_POLICY = 10240
_VERSION = "2012-10-17"

Policy = Mapping[str, object]


def trust_policy(home: Home, issuer: str, subject: str, audience: str) -> Policy:
    """Only the ServiceAccount `subject` of the cluster `issuer`, with a token for `audience`."""
    name = without_scheme(issuer)
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": home.oidc_provider(issuer)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{name}:aud": audience, f"{name}:sub": subject}},
    }
    return {"Version": _VERSION, "Statement": [statement]}


def token_policy(settings: AwsSettings, request: ProvisionRequest | PodContext) -> Policy:
    """Tokens for the wanted audiences alone, as long as they live by the settings. Tags are not allowed."""
    statement: dict[str, object] = {"Effect": "Deny", "Action": "sts:GetWebIdentityToken", "Resource": "*"}
    audiences = wanted_audiences(request)
    if audiences:
        statement["Effect"] = "Allow"
        statement["Condition"] = {
            "ForAllValues:StringLike": {"sts:IdentityTokenAudience": audiences},
            "StringEquals": {"sts:SigningAlgorithm": settings.signing_algorithm},
            "NumericLessThanEquals": {"sts:DurationSeconds": settings.token_seconds},
        }
    return {"Version": _VERSION, "Statement": [statement]}


def wanted_audiences(request: ProvisionRequest | PodContext) -> list[str]:
    """What StringLike takes: `*` stands for any text only where a host's pattern has it."""
    if not request.audience_per_destination:
        return [_literal(request.audience)]
    return sorted({audience for host in request.hosts if (audience := _audience(host))})


def require_fitting(request: ProvisionRequest | PodContext) -> None:
    """Raises Misconfigured for more destinations than an inline policy can list."""
    size = len(json.dumps(wanted_audiences(request)))
    if size > _LONGEST_INLINE_POLICY - 1000:
        raise Misconfigured(
            f"the names in Identity.spec.egress.hosts take {size} characters, wanted at most "
            f"{_LONGEST_INLINE_POLICY - 1000}: the policies in a role have {_LONGEST_INLINE_POLICY}. List fewer, or "
            "patterns like *.shop.svc"
        )


def _audience(host: HostPattern) -> str | None:
    """The audience that a proxy asks for at a destination is its Service's name; see service_host."""
    return "*.svc" if host.text == "*.svc" else service_host(host.text)


def _literal(text: str) -> str:
    """The text itself, where IAM would see wildcards and variables."""
    return "".join(f"${{{char}}}" if char in "$*?" else char for char in text)
