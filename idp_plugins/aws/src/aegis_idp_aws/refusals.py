"""What to do about an error of AWS.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html,
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aegis_idp.errors import Refused, Spreading

# A role or policy that was just made is unknown in places for seconds; IAM says no as it says it for ever.
_SPREADING = frozenset({"AccessDenied"})
_ASSUMING = "AssumeRoleWithWebIdentity"
_HINTS: Mapping[str, str] = {
    "AccessDenied": "its policies must allow {role} this, and so must its permissions boundary, as in "
    "docs/providers/aws.md",
    "InvalidIdentityToken": "the account needs an IAM OIDC provider with the cluster's issuer and the client id "
    "sts.amazonaws.com, and STS fetches the keys from that issuer, which must be reachable from the internet",
    "ExpiredTokenException": "compare the clocks of this node and of AWS",
    "IDPRejectedClaim": "the cluster's token was refused: compare the clocks, and the IAM OIDC provider's client ids",
    "OutboundWebIdentityFederationDisabledException": "switch it on: aws iam enable-outbound-web-identity-federation",
    "OutboundWebIdentityFederationDisabled": "switch it on: aws iam enable-outbound-web-identity-federation",
    "SessionDurationEscalationException": "the token would outlive the session: set config.tokenSeconds lower",
    "RegionDisabledException": "switch on STS in this region, or set config.region to another one",
    "SignatureDoesNotMatch": "compare the clocks of this node and of AWS",
    "LimitExceeded": "ask AWS for a higher quota of roles: an account has 1000 at first",
    "DeleteConflict": "somebody attached more policies to the role: take them away",
}


@contextmanager
def with_way_out(role: str) -> Iterator[None]:
    """The refusals of AWS about `role` say what to do; Spreading for one that passes by itself after a change."""
    try:
        yield
    except Refused as error:
        hint = _HINTS.get(error.code, "CloudTrail holds this call").format(role=role)
        if error.code == "AccessDenied" and _ASSUMING in str(error):
            hint = (
                f"the trust policy of {role} must take tokens of this ServiceAccount and cluster, for sts.amazonaws.com"
            )
        if error.code in _SPREADING:
            message = f"{error}; if this lasts longer than a minute after a change: {hint}"
            raise Spreading(message) from error
        raise Refused(f"{error}; {hint}", error.code) from error
