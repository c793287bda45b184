"""Why a server did not answer."""

import socket
import ssl

import pytest

from aegis_idp.unreachable import why


def verification(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] text (_ssl.c:1006)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            verification("self-signed certificate"),
            "its certificate is not taken: self-signed certificate; it must be of",
        ),
        (tls("WRONG_VERSION_NUMBER"), "what listens there speaks no TLS"),
        (tls("TLSV1_ALERT_ACCESS_DENIED"), "TLS failed: [SSL: TLSV1_ALERT_ACCESS_DENIED] text"),
        (ssl.SSLError("odd"), "TLS failed: "),
        (socket.gaierror(-2, "Name or service not known"), "the name of the host is not known here: Name or service"),
        (ConnectionRefusedError(111, "Connection refused"), "nobody listens there (connection refused)"),
        (TimeoutError("timed out"), "no answer in time: is the address right, and does a firewall"),
        (ConnectionResetError(104, "Connection reset by peer"), "[Errno 104] Connection reset by peer"),
        (OSError("no\nroute"), "no route"),
        (OSError(), "OSError"),
    ],
)
def test_each_trouble_says_what_to_look_at(error: Exception, said: str) -> None:
    """In one line."""
    assert why(error).startswith(said)


def test_the_innermost_trouble_counts() -> None:
    """Libraries wrap it, and their text would name what they were about to send."""
    wrapped = ValueError("Max retries exceeded with url: /v1/token?secret")
    wrapped.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert why(wrapped).startswith("nobody listens there")


def test_errors_that_go_in_a_circle_end() -> None:
    """Whoever made them."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert why(one) == "one"
