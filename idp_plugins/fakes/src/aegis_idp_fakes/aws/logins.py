"""Judges the logins that a pool is shown.

https://docs.aws.amazon.com/cognito/latest/developerguide/open-id.html: the issuer is the login's name, an RSA key of
the issuer verifies the signature, `azp`, or else `aud`, is a client id of the IAM OIDC provider; clocks may be five
minutes apart.
"""

from collections.abc import Mapping

from attrs import frozen

from aegis_idp_fakes.assertions import BadAssertion, Fault, judged, unverified
from aegis_idp_fakes.aws.accounts import Account
from aegis_idp_fakes.aws.pools import IdentityPool
from aegis_idp_fakes.aws.wire import json_error
from aegis_idp_fakes.server import Refusal

_ALGORITHMS = ("RS256", "RS384", "RS512")
_GRACE_SECONDS = 300


@frozen
class Login:
    """Somebody who signed in: the name in the map of logins, the ARN of the IAM OIDC provider, and the subject."""

    name: str
    arn: str
    subject: str

    @property
    def methods(self) -> tuple[str, str]:
        """What `amr` says of it."""
        return self.name, f"{self.arn}:OIDC:{self.subject}"


def read_logins(account: Account, pool: IdentityPool, logins: Mapping[str, str]) -> list[Login]:
    """Who signed in. Raises Refusal where one of the tokens is not good."""
    return [_login(account, pool, name, token) for name, token in logins.items()]


def _login(account: Account, pool: IdentityPool, name: str, token: str) -> Login:
    issuer = next((known for known in account.providers if known.partition("://")[2] == name), None)
    arn = account.oidc_provider(issuer) if issuer else None
    if issuer is None or arn not in pool.providers:
        raise _refused("Token is not from a supported provider of this identity pool.")
    try:
        claims = unverified(token)
        if claims.get("iss") != issuer:
            raise _refused("Invalid login token. Issuer doesn't match providerName")
        assertion = judged(token, issuer, _ALGORITHMS, account.issuers, grace=_GRACE_SECONDS)
    except BadAssertion as bad:
        raise _refused(_said(bad, token)) from None
    azp = claims.get("azp")
    clients = account.providers[issuer]
    if not ({azp} if azp is not None else set(assertion.audiences)) <= set(clients):
        raise _refused("Invalid login token. Incorrect token audience.")
    return Login(name, arn, assertion.subject)


def _said(bad: BadAssertion, token: str) -> str:
    if bad.fault is Fault.UNREACHABLE:
        raise json_error("ExternalServiceException", "Couldn't fetch the keys of the login provider.")
    return (
        "Invalid login token. Token expired." if bad.fault is Fault.EXPIRED else f"Invalid login token. {bad}: {token}"
    )


def _refused(message: str) -> Refusal:
    return json_error("NotAuthorizedException", message)
