"""Signatures that are not good. Those that are, boto3 makes in test_sts and test_iam."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from botocore.exceptions import ClientError

from aegis_api.names import Subject
from aegis_idp.conformance.loopback import Received
from aegis_idp.values import Secret
from aegis_idp_aws.query import FORM
from aegis_idp_aws.signing import Scope, signed_headers
from aegis_idp_aws.signing import Session as Keys
from aegis_idp_fakes.aws import Account
from aegis_idp_fakes.aws.accounts import Session
from aegis_idp_fakes.aws.signatures import say_json, signer
from aegis_idp_fakes.propagation import Propagation
from aegis_idp_fakes.server import Refusal
from support.aws_account import Tenancy
from support.boto import assume, client

KEYS, SCOPE, BODY = Keys("ASIAONE", Secret("secret"), Secret("token")), Scope("eu-west-1", "sts"), b"Action=x"
FAR = 9e9
SESSIONS = {"ASIAONE": Session(Account("1", "https://i", Propagation()), "arn", "secret", "token", FAR)}


def signed(keys: Keys = KEYS, scope: Scope = SCOPE, ago: int = 0) -> dict[str, str]:
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    return {"host": "h", **signed_headers(keys, scope, "https://h/", {"content-type": FORM}, BODY, moment)}


def said(headers: dict[str, str], body: bytes = BODY, sessions: Any = SESSIONS) -> bytes:
    try:
        signer(Received("POST", "/", headers, body), sessions, "eu-west-1", "sts")
    except Refusal as refusal:
        return refusal.answer.body
    return b"good"


def test_a_good_one_is_good() -> None:
    """So what follows is bad for what is said there."""
    assert said(signed()) == b"good"
    assert said(signed(ago=600)) == b"good"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (dict, b"MissingAuthenticationToken"),
        (lambda: {**signed(), "authorization": "AWS4-HMAC-SHA256 x"}, b"IncompleteSignature"),
        (lambda: {**signed(), "authorization": signed()["authorization"].replace("host;", "")}, b"IncompleteSignature"),
        (lambda: signed(evolve(KEYS, access_key_id="ASIATWO")), b"InvalidClientTokenId"),
        (lambda: signed(evolve(KEYS, session_token=Secret("other"))), b"InvalidClientTokenId"),
        (lambda: signed(evolve(KEYS, secret_access_key=Secret("other"))), b"SignatureDoesNotMatch"),
        (lambda: signed(scope=Scope("us-east-1", "sts")), b"should be scoped"),
        (lambda: signed(scope=Scope("eu-west-1", "iam")), b"should be scoped"),
        (lambda: signed(ago=1000), b"Signature expired"),
        (lambda: signed(ago=-1000), b"Signature expired"),
        (lambda: {**signed(), "host": "other"}, b"SignatureDoesNotMatch"),
    ],
)
def test_bad_ones_are_not(sent: Callable[[], dict[str, str]], code: bytes) -> None:
    """Each thing that is signed counts. It is signed within the test: a signature is good for a quarter of an hour."""
    assert code in said(sent())


def test_the_json_protocol_has_codes_of_its_own() -> None:
    """With the status 400."""
    with pytest.raises(Refusal) as caught:
        signer(Received("POST", "/", {}, BODY), SESSIONS, "eu-west-1", "sts", say_json)
    assert caught.value.answer.status == 400
    assert b"MissingAuthenticationTokenException" in caught.value.answer.body


def test_the_body_is_signed_and_sessions_end() -> None:
    """Another body is another request."""
    assert b"SignatureDoesNotMatch" in said(signed(), b"Action=y")
    ended = {"ASIAONE": evolve(SESSIONS["ASIAONE"], expires=1.0)}
    assert b"ExpiredToken" in said(signed(), sessions=ended)


def test_boto3_understands_the_refusal(tenancy: Tenancy) -> None:
    """Of a wrong key."""
    token = tenancy.cluster.token(Subject("aegis-system", "aegis-reconcile"), "sts.amazonaws.com").reveal()
    credentials = {**assume(tenancy, tenancy.provisioner.arn, token), "SecretAccessKey": "wrong"}
    sts = client(tenancy, "sts", credentials)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        sts.get_web_identity_token(Audience=["a"], SigningAlgorithm="RS256")
