"""One call of Cognito."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import ProviderError, Refused, Throttled, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Secret
from aegis_idp_aws.cognito.pool import pool_of
from aegis_idp_aws.cognito.wire import Api, Json, cognito, text_of, texts_of
from aegis_idp_aws.signing import Session
from support.cognito_pool import PoolTenancy


class Canned:
    """An HTTP client with one answer."""

    api_server = None

    def __init__(self, response: Response) -> None:
        self.response = response

    async def request(self, *_: object, **__: object) -> Response:
        return self.response


def answer(status: int, body: bytes, shown: tuple[Secret, ...] = ()) -> object:
    api = Api("https://c.example", "eu-west-1", Canned(Response(status, {"retry-after": "7"}, body)))
    return run(api.call("GetId", {}, shown=shown))


def error(code: str, message: str = "no", name: str = "message") -> bytes:
    return json.dumps({"__type": code, name: message}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (
            400,
            error("NotAuthorizedException", "not you"),
            Refused,
            r"GetId: .*status 400: NotAuthorizedException \(not you\)",
        ),
        (
            400,
            error("com.amazon.coral#AccessDeniedException", "x", "Message"),
            Refused,
            r": AccessDeniedException \(x\)",
        ),
        (400, error("TooManyRequestsException"), Throttled, "TooManyRequestsException"),
        (400, error("ExternalServiceException"), Unavailable, "ExternalServiceException"),
        (500, error("InternalErrorException"), Unavailable, "InternalErrorException"),
        (400, b'{"__type": 5, "message": []}', Refused, "status 400$"),
        (403, b"<html>no</html>", Refused, "status 403$"),
        (503, b"", Unavailable, "503"),
        (302, b"{}", Unavailable, "redirect"),
        (200, b"<html>", Unavailable, "not a JSON object"),
    ],
)
def test_errors_are_of_two_kinds(status: int, body: bytes, kind: type[Exception], said: str) -> None:
    """What passes by itself, and what somebody must change; the code is without its namespace."""
    with pytest.raises(kind, match=said) as caught:
        answer(status, body)
    assert type(caught.value) is kind


def test_what_is_quoted_of_us_does_not_show() -> None:
    """A refusal may hold the very token."""
    token = Secret("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl")
    with pytest.raises(Refused) as caught:
        answer(400, error("NotAuthorizedException", f"Invalid login token: {token.reveal()}"), (token,))
    assert_keeps([token], caught.value)
    assert caught.value.code == "NotAuthorizedException"


def test_members_are_read_with_their_types() -> None:
    """A text is needed; a list may be absent."""
    assert text_of({"a": "b"}, "a", "X") == "b"
    assert texts_of({"a": ["b"]}, "a", "X") == ("b",)
    assert texts_of({}, "a", "X") == texts_of({"a": None}, "a", "X") == ()
    no_texts: tuple[Json, ...] = ({}, {"a": ""}, {"a": 5})
    no_lists: tuple[Json, ...] = ({"a": "b"}, {"a": [5]}, {"a": {"b": 1}})
    for odd in no_texts:
        with pytest.raises(Unavailable, match="X: the answer holds no a"):
            text_of(odd, "a", "X")
    for odd in no_lists:
        with pytest.raises(Unavailable, match="no list of texts"):
            texts_of(odd, "a", "X")


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,_typemsag#5 ', max_size=200).map(str.encode))
def test_any_bytes_are_an_answer_or_a_provider_error(body: bytes) -> None:
    """Whatever the status is."""
    for status in (200, 400, 503):
        try:
            assert isinstance(answer(status, body), dict)
        except ProviderError:
            continue


def test_a_bad_signature_is_told_without_the_keys(tenancy: PoolTenancy) -> None:
    """The fake quotes what it read, as AWS does; what is signed names operation and region."""
    provider = tenancy.provider()
    provider.made(Subject("shop", "orders"))
    key, real = next(iter(tenancy.aws.sessions.items()))
    session = Session(key, Secret("not-the-right-secret"), Secret(real.token))
    pool, tap = pool_of(provider.settings), Tapped(provider.http)
    assert pool is not None
    with pytest.raises(Refused, match=r"AWS Cognito, DescribeIdentity: .*InvalidSignatureException") as caught:
        run(cognito(pool, tap).call("DescribeIdentity", {"IdentityId": tenancy.made().id}, session))
    assert_keeps(session.secrets, caught.value)
    (sent,) = tap.sent
    assert sent.headers["x-amz-target"] == "AWSCognitoIdentityService.DescribeIdentity"
    assert "/eu-west-1/cognito-identity/aws4_request" in sent.headers["authorization"]
