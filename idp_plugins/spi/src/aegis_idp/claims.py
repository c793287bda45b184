"""Claims of a verified token, read with types: what a claim holds is up to whoever asked the provider for the token."""

import base64
import json
from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_api.reading import ParseError
from aegis_idp.errors import ClaimRefused, Misconfigured
from aegis_idp.values import Secret


def text_claim(claims: Mapping[str, object], name: str) -> str:
    """The claim `name`, a text that is not empty. Raises ClaimRefused."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ClaimRefused(f"the claim {name} is {'absent' if name not in claims else 'no text'}")
    return value


def subject_claim(claims: Mapping[str, object], name: str) -> Subject:
    """The claim `name`, which holds a whole `system:serviceaccount:NAMESPACE:NAME`. Raises ClaimRefused."""
    try:
        return Subject.parse(text_claim(claims, name))
    except ParseError:
        raise ClaimRefused(f"the claim {name} is not of the form system:serviceaccount:NAMESPACE:NAME") from None


def issuer_of(token: Secret) -> str:
    """The `iss` of our own ServiceAccount token: the cluster's issuer, which a provider has to be told.

    Nothing is verified: it is a token that the host got from its own API server. Raises Misconfigured.
    """
    return _own_claim(token, "iss", "issuer")


def bearer_of(token: Secret) -> str:
    """The `sub` of our own ServiceAccount token: whom a provider has to let in. As `issuer_of`."""
    return _own_claim(token, "sub", "subject")


def _own_claim(token: Secret, name: str, called: str) -> str:
    try:
        payload = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return text_claim(claims, name)
    except (LookupError, ValueError, AttributeError, ClaimRefused):
        pass
    raise Misconfigured(f"the host's own ServiceAccount token names no {called}")
