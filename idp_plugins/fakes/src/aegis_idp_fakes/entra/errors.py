"""How Entra ID and Graph say no."""

from aegis_idp.conformance.loopback import Answer
from aegis_idp_fakes.server import Refusal


def aadsts(number: int, text: str, error: str = "invalid_client", status: int = 400) -> Refusal:
    """The token endpoint's error, with the number by which people and SDKs know it."""
    description = f"AADSTS{number}: {text} Trace ID: 00000000-0000-0000-0000-000000000000"
    return Refusal(Answer.json(status, {"error": error, "error_description": description, "error_codes": [number]}))


def graph_error(status: int, code: str, message: str) -> Refusal:
    return Refusal(Answer.json(status, {"error": {"code": code, "message": message}}))
