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
)


def unexplained(findings: list[str], message: bytes) -> list[str]:
    """Those that no judgement explains."""
    return [
        finding
        for finding in findings
        if not any(judged.text.search(finding) and judged.message.search(message) for judged in JUDGED)
    ]
