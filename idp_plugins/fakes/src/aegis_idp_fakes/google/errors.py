"""How Google Cloud says no."""

from aegis_idp.conformance.loopback import Answer
from aegis_idp_fakes.server import Refusal


def sts_error(error: str, description: str) -> Refusal:
    """The Security Token Service's, of RFC 6749 section 5.2."""
    return Refusal(Answer.json(400, {"error": error, "error_description": description}))


def api_error(status: int, name: str, message: str) -> Refusal:
    """That of all other APIs."""
    return Refusal(Answer.json(status, {"error": {"code": status, "message": message, "status": name}}))
