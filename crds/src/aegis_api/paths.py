"""The path contract: one canonical form, which is what policy judges and what the origin receives.

If two common servers could read a path differently, there is no canonical form and the request is refused.
RFC 3986 sections 2.3 (unreserved), 5.2.4 (dot segments), 6.2.2 (normalisation).

An encoded slash (`%2F`) is such a difference by itself: it is a byte of a name for one server and a separator for the
other. Who opts in for it gets the one form that keeps it encoded, where the rest has a single reading all the same.
"""

import re

# Every byte a path may hold: pchar of RFC 3986 and '/', with escapes apart.
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?|/")
_LEGAL = re.compile(rb"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/{}|^`\"<>\[\]-]|%[0-9A-Fa-f]{2})*")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Escapes that some server decodes into structure: controls, '\\' and DEL. So is '/', which has its own opt-in.
_FORBIDDEN = frozenset(range(0x20)) | frozenset(b"\\\x7f")
ENCODED_SLASH = b"%2F"
_DOUBLE_ESCAPE = re.compile(rb"%25[0-9A-Fa-f]{2}")


class AmbiguousPath(ValueError):  # it names what was found, as the errors of the plugins do
    """A path that two servers could read differently. Its text says which part, for the log only."""


def canonical_path(path: bytes, *, encoded_slash: bool = False) -> bytes:
    """The canonical form of a request path (without query), which starts with '/'.

    Escaped unreserved characters are decoded once, other escapes are kept in upper case, dot segments are removed.
    `encoded_slash`: a path may hold `%2F`, which is kept, if the same path with slashes in their place is canonical
    too. Raises AmbiguousPath for what has no single reading. The result is its own canonical form.
    """
    if _PLAIN.fullmatch(path):
        return path
    if not _LEGAL.fullmatch(path):
        raise AmbiguousPath("a byte or an escape that no path may hold")
    _check_encoding(path)
    decoded = _ESCAPE.sub(_decode_unreserved, path)
    if _DOUBLE_ESCAPE.search(decoded):  # decoded, for %25%34%31 ends as %2541
        raise AmbiguousPath("an escaped escape")
    if ENCODED_SLASH in decoded:
        if not encoded_slash:
            raise AmbiguousPath("an encoded slash")
        _check_encoded_slashes(decoded)
        return decoded
    *parts, last = decoded.split(b"/")[1:]
    if b"" in parts:
        raise AmbiguousPath("an empty segment")
    return b"/" + b"/".join(_without_dots(parts, last))


def _without_dots(parts: list[bytes], last: bytes) -> list[bytes]:
    """The segments with `.` and `..` resolved (RFC 3986 section 5.2.4); a dot segment at the end leaves a slash."""
    segments: list[bytes] = []
    for segment in (*parts, last):
        if b";" in segment:
            _check_parameters(segment)
        if segment == b"..":
            del segments[-1:]
        elif segment != b".":
            segments.append(segment)
    return [*segments, b""] if last in (b".", b"..") else segments


def _check_encoded_slashes(path: bytes) -> None:
    """Where a dot segment or a parameter ends depends on whether the slash counts, so neither may be there."""
    if b";" in path:
        raise AmbiguousPath("path parameters beside an encoded slash")
    *parts, last = path.replace(ENCODED_SLASH, b"/").split(b"/")[1:]
    if b"" in parts or not {b".", b".."}.isdisjoint((*parts, last)):
        raise AmbiguousPath("an empty or dot segment beside an encoded slash")


def _decode_unreserved(match: re.Match[bytes]) -> bytes:
    byte = int(match[1], 16)
    if byte in _FORBIDDEN:
        raise AmbiguousPath("an escaped separator or control")
    return bytes((byte,)) if byte in _UNRESERVED else match[0].upper()


def _check_encoding(path: bytes) -> None:
    """Escapes must spell UTF-8: overlong forms of '.' and '/' are what lenient decoders turn into structure."""
    try:
        _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), path).decode("utf-8")
    except UnicodeDecodeError:
        raise AmbiguousPath("escapes that are not UTF-8") from None


def _check_parameters(segment: bytes) -> None:
    """`..;x` is a dot segment for servers that cut parameters off before they resolve it, and a name for the others."""
    if segment.partition(b";")[0] in (b"", b".", b".."):
        raise AmbiguousPath("path parameters on an empty or dot segment")


_PARAMETERS = re.compile(rb";[^/]*")


def without_parameters(path: bytes) -> bytes:
    """A canonical path as a server reads it that cuts `;name=value` off each segment."""
    return _PARAMETERS.sub(b"", path)
