"""Texts with places for a subject in them.

`aegis.{namespace}.{name}` is `aegis.shop.orders` for the ServiceAccount `orders` of the namespace `shop`.
"""

import re
from functools import lru_cache

from aegis_api.names import Subject
from aegis_api.reading import ParseError

_PLACE = re.compile(r"\{[^{}]*\}|[{}]")
_SUBJECT_TEMPLATE = re.compile(r"(?P<prefix>[!-z|~]*)\{namespace\}(?P<separator>[.:/_|~@])\{name\}")


def check_template(text: str, places: tuple[str, ...]) -> None:
    """Raises ValueError if `text` holds other places than `{PLACE}` for the given ones."""
    known = {f"{{{place}}}" for place in places}
    if any(place not in known for place in _PLACE.findall(text)):
        raise ValueError(f"no other places in the text than {', '.join(sorted(known))}")


def filled(template: str, **values: str) -> str:
    """`template` with each `{place}` replaced, once, by its value."""
    return _PLACE.sub(lambda place: values[place[0][1:-1]], template)


def check_subject_template(text: str) -> None:
    """Raises ValueError unless exactly one subject can be read from each text of this form.

    A namespace holds none of the separators, so the first one ends it; the name is all that follows.
    """
    if not _SUBJECT_TEMPLATE.fullmatch(text):
        raise ValueError("PREFIX{namespace}SEPARATOR{name}, with a separator that is one of . : / _ | ~ @")


# Remembered because a proxy reads the same few in each new token of its callers.
@lru_cache(maxsize=1024)
def subject_in(template: str, text: str) -> Subject | None:
    """The subject for which `filled(template, ...)` is `text`; None if there is none."""
    form = _SUBJECT_TEMPLATE.fullmatch(template)
    if form is None or not text.startswith(form["prefix"]):
        return None
    namespace, separator, name = text.removeprefix(form["prefix"]).partition(form["separator"])
    try:
        return Subject(namespace, name) if separator else None
    except ParseError:
        return None
