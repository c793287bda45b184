"""Differences to other parsers that were looked at, and stay: what we accept and they refuse, and why.

A finding of the oracles is left out only if one of these explains it.
"""

import re

from attrs import frozen


@frozen
class Judged:
    """`text` matches the complaint, `message` the bytes that it is about."""

    text: re.Pattern[str]
    message: re.Pattern[bytes]
    why: str


JUDGED = (
    Judged(
        re.compile(r"llhttp refuses: .*chunk"),
        re.compile(rb"[0-9A-Fa-f][ \t]*;"),
        "RFC 9112 section 7.1.1 has recipients remove white space around the semicolon and the equals sign of a chunk "
        "extension; llhttp refuses it. We drop the extension, so nobody reads it after us.",
    ),
    Judged(
        re.compile(r"llhttp refuses: (Content-Length|Transfer-Encoding) can't be present with"),
        re.compile(rb"\r\n0+[^\r\n]*\r\n(?:[^\r\n]+\r\n)*(?:content-length|transfer-encoding):", re.IGNORECASE),
        "llhttp takes trailers for header fields. We drop them, so a trailer that looks like framing frames nothing.",
    ),
    Judged(
        re.compile(r"llhttp refuses: Data after `Connection: close`"),
        re.compile(rb"HTTP/1\.1 1[0-9]{2}[^\r]*\r\n(?:[^\r\n]+\r\n)*(?:proxy-)?connection:[^\r]*close", re.IGNORECASE),
        "llhttp ends at an interim response that says `Connection: close`, and would never hear the final one. We drop "
        "the field with the other hop-by-hop ones, and go by what the final response says.",
    ),
    Judged(
        re.compile(r"no peer sends on"),
        re.compile(rb"[^ ]+ (?:http://[^/ ]*)?/(?:\.|%2e){2}[/? ].*websocket", re.IGNORECASE | re.DOTALL),
        "nginx refuses `..` above the root, which RFC 3986 section 5.2.4 removes, as we do and HAProxy's apps must; "
        "HAProxy refuses an upgrade whose Sec-WebSocket-Key is no key, which is the app's to check.",
    ),
)


def unexplained(findings: list[str], message: bytes) -> list[str]:
    """Those that no judgement explains."""
    return [
        finding
        for finding in findings
        if not any(judged.text.search(finding) and judged.message.search(message) for judged in JUDGED)
    ]
