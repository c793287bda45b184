"""Why a token is refused."""

from enum import StrEnum

_SHOWN = 64


class Reason(StrEnum):
    """What is wrong with a token. The values are stable: logs and metrics carry them, answers never do."""

    TOO_LARGE = "too_large"
    # No JWS in compact form, or a header or payload that is no strict JSON object.
    MALFORMED = "malformed"
    CRITICAL_HEADER = "critical_header"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_ISSUER = "unknown_issuer"
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"
    # The issuer is known and has no usable key: nobody can be verified now, so this is no fault of the caller.
    NO_KEYS = "no_keys"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    # A claim that is missing or has the wrong type.
    BAD_CLAIM = "bad_claim"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    NO_AUDIENCE = "no_audience"
    WRONG_AUDIENCE = "wrong_audience"
    # The token works only together with a proof of possession (RFC 7800), which is not checked here.
    SENDER_CONSTRAINED = "sender_constrained"
    NO_SUBJECT = "no_subject"
    PLUGIN_FAILED = "plugin_failed"


class TokenRefused(Exception):
    """A token that proves nothing.

    `detail` is one phrase for the operator's log, never for the caller. It holds no bytes of the token; texts that the
    caller chose are escaped and cut. `issuer` is set once the token has led to a known issuer. `kid` is the header's
    `kid` where the reason is UNKNOWN_KEY: another look at the issuer's key set may find it.
    """

    def __init__(self, reason: Reason, detail: str, *, issuer: str = "", kid: str | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.issuer = issuer
        self.kid = kid


def quoted(text: str) -> str:
    """A text that a stranger chose, fit for one line of a log: escaped and cut."""
    return ascii(text) if len(text) <= _SHOWN else ascii(text[:_SHOWN]) + "..."
