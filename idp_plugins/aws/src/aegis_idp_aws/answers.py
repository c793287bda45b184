"""What AWS answers with. XML of STS and IAM is read strictly: no declarations, so no entities; and the root asked for.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from xml.etree.ElementTree import Element, ParseError, fromstring  # see _parsed: no declaration gets in

from aegis_idp.errors import Refused, Throttled, Unavailable
from aegis_idp.http import Response
from aegis_idp.redaction import quoted
from aegis_idp.values import Secret

_THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"})
_PASSING = frozenset(
    {"IDPCommunicationError", "ServiceUnavailable", "ServiceFailure", "InternalFailure", "ConcurrentModification"}
    # Cognito's: https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdToken.html
    | {"InternalErrorException", "ExternalServiceException"}
)


def result_of(response: Response, action: str, namespace: str, what: str, secrets: tuple[Secret, ...]) -> Element:
    """The element ACTIONResult of a good answer, or the root of one that has none.

    Raises Unavailable where the same call may go through later, Refused with AWS's code where it cannot. What was sent
    in `secrets` never shows.
    """
    if 200 <= response.status < 300:
        root = _parsed(response.body)
        if root is None or root.tag != f"{{{namespace}}}{action}Response":
            raise Unavailable(f"{what}: the answer (status {response.status}) is no {action}Response")
        found = root.find(f"{{{namespace}}}{action}Result")
        return root if found is None else found
    raise failure(response, *_error(response.body), what, secrets)


def failure(
    response: Response, code: str, message: str, what: str, secrets: tuple[Secret, ...]
) -> Unavailable | Refused:
    """The error in an answer without success; `code` and `message` are AWS's own, empty where it said none."""
    if 300 <= response.status < 400:
        return Unavailable(f"{what}: the answer is a redirect ({response.status}), which is never followed")
    text = f"{what}: answered with status {response.status}"
    text += f": {quoted(code, secrets)}" if code else ""
    text += f" ({quoted(message, secrets)})" if message else ""
    if code in _THROTTLED or response.status == 429:
        return Throttled(text, response.retry_after())
    if code in _PASSING or not 400 <= response.status < 500 or response.status in (408, 425):
        return Unavailable(text, response.retry_after())
    return Refused(text, quoted(code, secrets))


def text_of(result: Element, path: tuple[str, ...], what: str) -> str:
    """The text at `path`, in the namespace of `result`. Raises Unavailable: without it the answer is none."""
    namespace = result.tag.partition("}")[0]
    found = result.findtext("/".join(f"{namespace}}}{name}" for name in path))
    if not found:
        raise Unavailable(f"{what}: the answer holds no {'.'.join(path)}")
    return found


def _error(body: bytes) -> tuple[str, str]:
    """Code and message of an ErrorResponse; of anything else, nothing."""
    root = _parsed(body)
    if root is None or root.tag.rpartition("}")[2] != "ErrorResponse":
        return "", ""
    return (root.findtext("{*}Error/{*}Code") or "").strip(), (root.findtext("{*}Error/{*}Message") or "").strip()


def _parsed(body: bytes) -> Element | None:
    try:
        text = body.decode()
        # Declarations, and with them entities, begin so; so do comments and CDATA, which AWS does not send.
        return None if "<!" in text else fromstring(text)  # noqa: S314  # same
    except (UnicodeDecodeError, ParseError, ValueError, RecursionError):
        return None
