"""What can go wrong with an API server."""

# the names say what happened, and read as such where they are caught

import json

from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.web.client import ResponseFailed

NO_ANSWER = (ConnectError, ConnectionDone, ConnectionLost, ResponseFailed, OSError)
"""How Twisted's HTTP client says that no answer came, or only a part of one."""


class ApiUnreachable(Exception):
    """No answer of the API server: it is down, or not yet up."""


class ApiRefused(Exception):
    """The API server said no: `code` is the HTTP status, `reason` and `message` are those of its Status object."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{message} (the API server answered {code})")
        self.code = code
        self.reason = reason
        self.message = message


class BadKubeconfig(ValueError):
    """A kubeconfig that does not lead to an API server."""


class Expired(Exception):
    """The server no longer has the changes since our last one (410): list again."""


def refusal(code: int, body: bytes) -> ApiRefused:
    """The refusal in an answer, whose body is a Status object or any text."""
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if isinstance(status, dict):
        return ApiRefused(code, str(status.get("reason", "")), str(status.get("message", "")))
    return ApiRefused(code, "", body.decode(errors="replace")[:500])
