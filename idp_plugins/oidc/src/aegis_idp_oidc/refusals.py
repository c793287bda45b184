"""What to do about a token endpoint's error code (RFC 6749 section 5.2, RFC 8707 section 2)."""

from collections.abc import Mapping

from attrs import frozen

from aegis_idp.errors import Refused


@frozen
class Asked:
    """What the server was shown and asked for, by name: no secret is in here."""

    client: str
    credential: str
    audience: str


_HINTS: Mapping[str, str] = {
    "invalid_client": "let the server accept {credential} for the client {client}",
    "invalid_grant": "let the server accept {credential}",
    "unauthorized_client": "allow the client {client} this grant at the server",
    "unsupported_grant_type": "set config.grant to one that the server has",
    "invalid_scope": "let the client {client} ask for that scope at the server, or set config.scope to another one",
    "invalid_target": "allow the audience {audience} at the server for the client {client}, or change "
    "config.audienceParameter to the one that the server wants",
    "access_denied": "allow the client {client} the audience {audience} at the server",
}
_OTHERWISE = "compare config with what the server wants of the client {client}"


def with_way_out(error: Refused, asked: Asked) -> Refused:
    """The same refusal, and what to do about it."""
    hint = _HINTS.get(error.code, _OTHERWISE)
    way_out = hint.format(client=asked.client, credential=asked.credential, audience=asked.audience)
    return Refused(f"{error}; {way_out}", error.code)
