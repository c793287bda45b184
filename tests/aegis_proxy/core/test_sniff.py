import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.sniff import speaks_http

HTTP = [
    b"GET / HTTP/1.1\r\n",
    b"\r\nGET /x?y HTTP/1.0\r\n",
    b"X-ANY http://a/ HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\n",
]

OPAQUE = {
    "E07 TLS": b"\x16\x03\x01\x02\x00\x01",
    "E07 SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "PostgreSQL": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    "Redis": b"*1\r\n$4\r\nPING\r\n",
    "Redis inline": b"PING\r\n",
    "memcached": b"get key\r\n",
    "memcached set": b"set key 0 0 5\r\n",
    "SMTP": b"EHLO example.org\r\n",
    "HTTP/0.9": b"GET /\r\n",
    "another word": b"GET / HTTQ/1.1\r\n",
    "lower case": b"GET / http/1.1\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\n",
    "line feed": b"\nGET / HTTP/1.1\r\n",
    "CR alone": b"\rGET / HTTP/1.1\r\n",
    "two empty lines": b"\r\n\r\nGET / HTTP/1.1\r\n",
    "CONNECT to another proxy": b"CONNECT example.org:443 HTTP/1.1\r\n",
    "long method": b"G" * 33,
    "endless target": b"GET /" + b"a" * 16385,
}


@pytest.mark.parametrize("data", HTTP)
def test_requests_are_seen_as_soon_as_can_be(data: bytes) -> None:
    """Every beginning is undecided until the word HTTP/ is there; then it stays so."""
    decided = data.index(b"HTTP/") + 5
    for end in range(len(data) + 1):
        assert speaks_http(data[:end]) is (True if end >= decided else None)


@pytest.mark.parametrize("data", OPAQUE.values(), ids=OPAQUE)
def test_all_else_is_opaque(data: bytes) -> None:
    """It goes where it was bound for, untouched."""
    assert speaks_http(data) is False


def test_tls_is_known_by_its_first_byte() -> None:
    """Its client waits for an answer to a whole ClientHello only."""
    assert speaks_http(b"\x16") is False


@given(st.binary(max_size=40) | st.sampled_from(HTTP), st.binary(max_size=10))
def test_what_is_decided_stays_decided(data: bytes, more: bytes) -> None:
    """More bytes only ever decide what is undecided."""
    verdict = speaks_http(data)
    assert verdict is None or speaks_http(data + more) is verdict
