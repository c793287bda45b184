"""Signature Version 4, by the side of botocore's own signer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from aegis_idp.values import Secret
from aegis_idp_aws.query import FORM
from aegis_idp_aws.signing import Scope, Session, signed_headers

NOW = datetime(2026, 11, 23, 0, 59, 58, tzinfo=UTC)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


FORM_HEADERS = {"content-type": FORM}
JSON_HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSCognitoIdentityService.GetId"}


def by_botocore(session: Session, scope: Scope, url: str, sent: Mapping[str, str], body: bytes, now: datetime) -> str:
    request = AWSRequest("POST", url, headers=dict(sent), data=body)
    credentials = Credentials(session.access_key_id, session.secret_access_key.reveal(), session.session_token.reveal())
    with patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        SigV4Auth(credentials, scope.service, scope.region).add_auth(request)
    return str(request.headers["Authorization"])


@given(
    secret=TEXT,
    token=TEXT,
    body=st.binary(max_size=200),
    host=st.sampled_from(["sts.eu-west-1.amazonaws.com", "iam.amazonaws.com", "127.0.0.1:8443"]),
    scope=st.builds(Scope, st.sampled_from(["eu-west-1", "us-east-1"]), st.sampled_from(["sts", "iam"])),
    sent=st.sampled_from([FORM_HEADERS, JSON_HEADERS]),
)
def test_it_signs_as_botocore_does(
    secret: str, token: str, body: bytes, host: str, scope: Scope, sent: Mapping[str, str]
) -> None:
    """The same request, keys and moment: the same header, to the letter."""
    session, url = Session("ASIAEXAMPLE", Secret(secret), Secret(token)), f"https://{host}/"
    headers = signed_headers(session, scope, url, sent, body, NOW)
    assert headers["authorization"] == by_botocore(session, scope, url, sent, body, NOW)
    assert headers["x-amz-date"] == "20261123T005958Z"
    assert set(headers) == {"authorization", "x-amz-date", "x-amz-security-token", *sent}


def test_the_moment_is_that_of_utc() -> None:
    """Wherever the clock hangs."""
    session, scope = Session("A", Secret("s"), Secret("t")), Scope("eu-west-1", "sts")
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    url = "https://sts.eu-west-1.amazonaws.com/"
    assert signed_headers(session, scope, url, FORM_HEADERS, b"", there) == signed_headers(
        session, scope, url, FORM_HEADERS, b"", NOW
    )


def test_keys_do_not_show() -> None:
    """Neither in text nor in repr."""
    session = Session("ASIAEXAMPLE", Secret("wJalrXUtnFEMI"), Secret("FwoGZXIvYXdzE"))
    assert "wJal" not in repr(session)
    assert "FwoG" not in str(session)
    assert [secret.reveal() for secret in session.secrets] == ["wJalrXUtnFEMI", "FwoGZXIvYXdzE"]
