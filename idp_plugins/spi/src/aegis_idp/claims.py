"""Claims of a verified token, read with types: what a claim holds is up to whoever asked the provider for the token."""

from collections.abc import Mapping

from aegis_api.names import Subject
from aegis_api.reading import ParseError
from aegis_idp.errors import ClaimRefused


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
