"""Regular expressions as Kubernetes reads them: RE2, whose syntax and linear time are those of Go's regexp."""

import re2  # type: ignore[import-untyped]  # ships no types; the two functions below are its border


class BadPatternError(ValueError):
    """The text is not an RE2 expression; the text of the error says why."""


def check(pattern: str) -> None:
    """Parse a pattern. Raises BadPatternError."""
    try:
        re2.compile(pattern)
    except re2.error as error:
        raise BadPatternError(str(error)) from error


def found_in(pattern: str, text: str) -> bool:
    """Whether a part of the text matches, as `pattern` of JSON Schema wants it."""
    return re2.search(pattern, text) is not None
