import pytest

from support.secret_search import leaks
from support.tokens import mint

TOKEN = mint().decode()
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")


@pytest.mark.attack("S01")
@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        HEADER,
        f"x{PAYLOAD}x",
        f'{{"a":"{SIGNATURE}"}}',
        SIGNATURE[:12],
        "hvs.CAESIJ",
        "Authorization: Bearer abcdefgh",
        "authorization: bearer abc.def.ghi",
    ],
    ids=["token", "header", "payload", "signature", "part", "vault", "Bearer", "bearer"],
)
def test_what_should_not_be_there_is_found(text: str) -> None:
    """Shapes of tokens anywhere, and the signature of each token that tests made, which has no shape."""
    assert leaks(f"before {text} after") != []


@pytest.mark.parametrize(
    "text",
    ["", "eyJ", "Bearer ***", 'Bearer realm="aegis"', "a bearer token", "the Bearer is", "/public/hvs", "0" * 99],
)
def test_plain_words_are_left_alone(text: str) -> None:
    """What every log holds is no find."""
    assert leaks(text) == []


def test_parts_of_given_secrets_are_found() -> None:
    """Of at least twelve characters; a shorter part is nobody's."""
    secret = "client-secret-0123456789"
    assert leaks(f"it was {secret[3:15]}", [secret]) != []
    assert leaks(f"it was {secret[3:14]}", [secret]) == []
    assert leaks(secret, []) == []
