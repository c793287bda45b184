"""AssumeRoleWithWebIdentity and GetWebIdentityToken.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html, API_GetWebIdentityToken.html;
claims: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
"""

import re
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from aegis_idp.conformance.loopback import Answer
from aegis_idp_fakes.assertions import Assertion, BadAssertion, Fault, judged, unverified
from aegis_idp_fakes.aws.accounts import Account, Session
from aegis_idp_fakes.aws.policies import trusts
from aegis_idp_fakes.aws.wire import Value, aws_error, good_answer, members, pairs

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ASSUME, _ISSUE = "AssumeRoleWithWebIdentity", "GetWebIdentityToken"
_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")


def assumed(accounts: Mapping[str, Account], sessions: dict[str, Session], form: Mapping[str, str]) -> Answer:
    """A session of the role, for a token that its trust policy names. Unsigned. Raises Refusal."""
    arn, name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
    found = re.fullmatch(r"arn:[a-z-]+:iam::(\d{12}):role/\S+", arn)
    if found is None or not re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII):
        raise aws_error(400, "ValidationError", "1 validation error detected")
    denied = aws_error(403, "AccessDenied", f"Not authorized to perform sts:{_ASSUME}")
    account = accounts.get(found[1])
    if account is None:
        raise denied
    shown = _shown(account, form.get("WebIdentityToken", ""))
    federated = account.oidc_provider(shown.issuer)
    host = federated.partition(":oidc-provider/")[2]
    context = {f"{host}:aud": shown.audiences[:1], f"{host}:sub": (shown.subject,)}
    role = account.by_arn(arn)
    if role is None or not trusts(role.trust, federated, f"sts:{_ASSUME}", context):
        raise denied
    seconds = _number(form, "DurationSeconds", 3600, 900, role.longest_session)
    key, expires = f"ASIA{secrets.token_hex(8).upper()}", time.time() + seconds
    session = Session(account, arn, secrets.token_urlsafe(30), secrets.token_urlsafe(60), expires)
    sessions[key] = session
    credentials = {
        "AccessKeyId": key,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": _moment(expires),
    }
    user = {
        "Arn": f"arn:{account.partition}:sts::{account.id}:assumed-role/{role.name}/{name}",
        "AssumedRoleId": f"{role.id}:{name}",
    }
    result: dict[str, Value] = {
        "Credentials": credentials,
        "SubjectFromWebIdentityToken": shown.subject,
        "AssumedRoleUser": user,
        "Provider": federated,
        "Audience": shown.audiences[0],
    }
    return good_answer(NAMESPACE, _ASSUME, result)


def _shown(account: Account, token: str) -> Assertion:
    try:
        issuer = unverified(token).get("iss")
        clients = account.providers.get(str(issuer))
        if clients is None:
            message = f"No OpenIDConnect provider found in your account for {issuer}"
            raise aws_error(400, "InvalidIdentityToken", message)
        assertion = judged(token, str(issuer), _ALGORITHMS, account.issuers)
    except BadAssertion as bad:
        if bad.fault is Fault.EXPIRED:
            raise aws_error(400, "ExpiredTokenException", "Token expired") from None
        message = "Couldn't retrieve verification key from your identity provider"
        text = message if bad.fault is Fault.UNREACHABLE else f"Token was refused: {bad}: {token}"
        raise aws_error(400, "InvalidIdentityToken", text) from None
    if not set(assertion.audiences) <= set(clients):
        raise aws_error(400, "InvalidIdentityToken", "Incorrect token audience")
    return assertion


def issued(session: Session, region: str, form: Mapping[str, str]) -> Answer:
    """A token of the account's issuer about the session's role. Raises Refusal."""
    account = session.account
    if not account.federation_enabled:
        text = "Outbound web identity federation is not enabled for this account."
        raise aws_error(403, "OutboundWebIdentityFederationDisabledException", text)
    audiences, tags = members(form, "Audience"), pairs(form, "Tags")
    algorithm = form.get("SigningAlgorithm", "")
    if not 1 <= len(audiences) <= 10 or not all(1 <= len(one) <= 1000 for one in audiences):
        raise aws_error(400, "ValidationError", "Value at 'audience' failed to satisfy constraint")
    if algorithm not in account.keys:
        raise aws_error(400, "ValidationError", "Value at 'signingAlgorithm' failed to satisfy constraint")
    seconds = _number(form, "DurationSeconds", 300, 60, 3600)
    context = {
        "sts:IdentityTokenAudience": tuple(audiences),
        "sts:SigningAlgorithm": (algorithm,),
        "sts:DurationSeconds": (str(seconds),),
    }
    role = account.by_arn(session.role_arn)
    for action in (f"sts:{_ISSUE}", *(["sts:TagGetWebIdentityToken"] if tags else [])):
        if role is None or not account.may(role, action, "*", context):
            raise aws_error(403, "AccessDenied", f"User: {session.role_arn} is not authorized to perform: {action}")
    now = int(time.time())
    if now + seconds > session.expires:
        text = "The requested token duration would extend the session beyond its original expiration time."
        raise aws_error(403, "SessionDurationEscalationException", text)
    about: dict[str, object] = {"aws_account": account.id, "source_region": region}
    claims = {
        "iss": account.issuer,
        "aud": audiences[0] if len(audiences) == 1 else audiences,
        "sub": session.role_arn,
        "iat": now,
        "exp": now + seconds,
        "jti": str(uuid.uuid4()),
        "https://sts.amazonaws.com/": {**about, **({"request_tags": tags} if tags else {})},
    }
    token = account.keys[algorithm].current.sign(claims)
    return good_answer(NAMESPACE, _ISSUE, {"WebIdentityToken": token, "Expiration": _moment(now + seconds)})


def _number(form: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = form.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise aws_error(400, "ValidationError", f"Value '{text}' at '{name}' failed to satisfy constraint")
    return int(text)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
