"""No secret in an error."""

import pytest

from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.errors import Refused
from aegis_idp.values import Secret

SECRET = Secret("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def _during(error: Exception, context: Exception) -> Exception:
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    "error",
    [
        Refused(f"no: {SECRET.reveal()}"),
        Refused(f"no: {SECRET.reveal()[20:32]}"),
        _caused(Refused("no"), ValueError(SECRET.reveal())),
        _during(Refused("no"), ValueError("x", SECRET.reveal().encode())),
        Refused("wrong: pw1"),
    ],
)
def test_a_secret_is_found(error: Exception) -> None:
    """In the text, in a part, in a cause, in what was going on; a short one whole."""
    with pytest.raises(AssertionError, match="shows a secret"):
        assert_keeps((SECRET, Secret("pw1")), error)


def test_what_keeps_secrets_passes() -> None:
    """Less than 12 characters are no secret's trace, and an empty one has none."""
    assert_keeps((SECRET, Secret("")), _caused(Refused(f"no: {SECRET.reveal()[:11]}"), ValueError("because")))
