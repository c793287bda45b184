"""XML that came, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_idp.errors import ProviderError, Refused, Throttled, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Secret
from aegis_idp_aws.answers import result_of, text_of

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
GOOD = f'<GetXResponse xmlns="{NAMESPACE}"><GetXResult><A><B>b</B></A><C/></GetXResult></GetXResponse>'


def read(body: str | bytes, status: int = 200, secrets: tuple[Secret, ...] = (), **headers: str) -> str:
    content = body.encode() if isinstance(body, str) else body
    response = Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
    return text_of(result_of(response, "GetX", NAMESPACE, "AWS", secrets), ("A", "B"), "AWS")


def error(code: str, message: str = "no") -> str:
    inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return f'<ErrorResponse xmlns="{NAMESPACE}">{inner}</ErrorResponse>'


def test_what_was_asked_for_is_read() -> None:
    """With an encoding said or not, and from the root where there is no result."""
    assert read(GOOD) == "b"
    assert read(f'<?xml version="1.0" encoding="UTF-8"?>\n{GOOD}') == "b"
    assert read(GOOD.replace("<GetXResult>", "").replace("</GetXResult>", "")) == "b"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "<html/>",
        GOOD[:-3],
        GOOD.replace("GetXResponse", "PutXResponse"),
        GOOD.replace(NAMESPACE, "https://iam.amazonaws.com/doc/2010-05-08/"),
        GOOD.replace(f' xmlns="{NAMESPACE}"', ""),
        GOOD.replace("<B>b</B>", ""),
        GOOD.replace("<B>b</B>", "<B></B>"),
        GOOD.replace("<B>b</B>", '<B xmlns="x">b</B>'),
        GOOD.replace("b</B>", "<!-- -->b</B>"),
        GOOD.replace("b</B>", "<![CDATA[b]]></B>"),
        GOOD.replace("b</B>", "&e;</B>"),
        '<!DOCTYPE x [<!ENTITY e "b">]>' + GOOD.replace("b</B>", "&e;</B>"),
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + GOOD.replace("b</B>", "&e;</B>"),
        ('<!DOCTYPE x [<!ENTITY e "b">]>' + GOOD.replace("b</B>", "&e;</B>")).encode("utf-16"),
        ('<?xml version="1.0" encoding="utf-7"?>+ADw-+ACE-DOCTYPE x+AD4-' + GOOD),
        b"\xff\xfe",
        "<a>" * 5000,
    ],
)
def test_nothing_else_is_an_answer(body: str | bytes) -> None:
    """Least of all one with declarations: no entity is ever looked at."""
    with pytest.raises(Unavailable, match=r"no GetXResponse|holds no A\.B"):
        read(body)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (403, error("AccessDenied", "not you"), Refused, r"status 403: AccessDenied \(not you\)"),
        (400, error("Throttling"), Throttled, "Throttling"),
        (400, error("IDPCommunicationError"), Unavailable, "IDPCommunicationError"),
        (503, error("ServiceUnavailable"), Unavailable, "503"),
        (500, "", Unavailable, "500"),
        (429, "", Throttled, "429"),
        (404, "<html>no</html>", Refused, "status 404$"),
        (400, "<ErrorResponse/>", Refused, "status 400$"),
        (302, GOOD, Unavailable, "redirect"),
    ],
)
def test_errors_are_of_two_kinds(status: int, body: str, kind: type[Exception], said: str) -> None:
    """What passes by itself, and what somebody must change."""
    with pytest.raises(kind, match=said) as caught:
        read(body, status, retry_after="7")
    assert type(caught.value) is kind
    assert getattr(caught.value, "retry_after", 7.0) in (7.0, None)


def test_an_error_keeps_its_code_and_no_secret() -> None:
    """AWS quotes the whole request where a signature does not match."""
    token = Secret("FwoGZXIvYXdzEXAMPLETOKEN")
    with pytest.raises(Refused) as caught:
        read(error("SignatureDoesNotMatch", f"x-amz-security-token:{token.reveal()}"), 403, (token,))
    assert caught.value.code == "SignatureDoesNotMatch"
    assert "FwoGZXIv" not in str(caught.value)


@given(st.binary(max_size=300) | st.text(alphabet='<>/!&;"ab= x:GetXResponsRul', max_size=300).map(str.encode))
def test_any_bytes_are_an_answer_or_a_provider_error(body: bytes) -> None:
    """Whatever the status is."""
    for status in (200, 403, 503):
        try:
            assert read(body, status)
        except ProviderError:
            continue
