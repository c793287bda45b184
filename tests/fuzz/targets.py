"""A fuzz target per parser: bytes go in; what comes out is a value, or the refusal that the parser promises.

Any other exception is a finding, and so is a broken sentence of a target's own: each states what must hold of a value.
"""

import json
from collections.abc import Callable, Mapping

from aegis_api.identity import Identity
from aegis_api.paths import ENCODED_SLASH, AmbiguousPath, canonical_path
from aegis_api.reading import ParseError
from aegis_api.resources import parse_resource
from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_proxy.core.fields import egress_role, ingress_role
from aegis_proxy.core.framing import ChunkedDecoder
from aegis_proxy.core.h2_connection import Connection
from aegis_proxy.core.h2_errors import ConnectionFault
from aegis_proxy.core.h2_events import Headers
from aegis_proxy.core.h2_request import parse_h2_request
from aegis_proxy.core.head import take_head
from aegis_proxy.core.hpack_decoder import Decoder
from aegis_proxy.core.hpack_encoder import Encoder
from aegis_proxy.core.jws import parse
from aegis_proxy.core.keys import read_key_set
from aegis_proxy.core.lines import LineSplitter, LineTooLong
from aegis_proxy.core.listing import Listing
from aegis_proxy.core.listing_words import LineCame, Listed, Opened, Started, Target
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import START_LINE, parse_request
from aegis_proxy.core.response import STATUS_LINE, parse_response
from aegis_proxy.core.sniff import speaks_http
from aegis_proxy.core.token_refusal import TokenRefused
from aegis_proxy.shell.files import documents_in
from aegis_webhook.settings import PodSettings, read_pod_settings

Take = Callable[[bytes], None]


def request_head(data: bytes) -> None:
    """Both directions; a request that has passed has one line per field and a canonical path."""
    try:
        split = take_head(data, START_LINE)
    except Refused:
        return
    if split is None:
        return
    for role_of, canonical in ((ingress_role, True), (egress_role, False)):
        try:
            request = parse_request(split[0], role_of, canonical=canonical)
        except Refused:
            continue
        assert b"\r" not in b"".join((request.target, request.host, *request.fields))
        assert b"\n" not in b"".join((request.target, request.host, *request.fields))
        assert b" " not in request.target
        if canonical and request.path != b"*":
            assert canonical_path(request.path, encoded_slash=True) == request.path


def response_head(data: bytes) -> None:
    """A response that has passed is lines, framed in one way."""
    try:
        split = take_head(data, STATUS_LINE)
        if split is None:
            return
        response = parse_response(split[0], b"GET", b"websocket")
    except Refused:
        return
    assert STATUS_LINE.fullmatch(response.start)
    assert all(b"\r" not in line and b"\n" not in line for line in response.fields)
    framing = [line for line in response.fields if line.lower().startswith((b"content-length:", b"transfer-encoding:"))]
    assert len(framing) <= 1


def chunked(data: bytes) -> None:
    """In one piece or byte by byte: the same payload and rest, or a refusal both times."""
    whole = _decoded([data])
    assert whole == _decoded([data[at : at + 1] for at in range(len(data))])


def _decoded(pieces: list[bytes]) -> tuple[bytes, bytes, bool] | None:
    decoder, payload, rest = ChunkedDecoder(), b"", b""
    try:
        for piece in pieces:
            if decoder.done:
                rest += piece
                continue
            more, rest = decoder.feed(piece)
            payload += more
    except Refused:
        return None
    return payload, rest if decoder.done else b"", decoder.done


def target(data: bytes) -> None:
    """The canonical form is its own; with encoded slashes so is the reading that decodes them."""
    path = b"/" + data
    for encoded_slash in (False, True):
        try:
            canonical = canonical_path(path, encoded_slash=encoded_slash)
        except AmbiguousPath:
            continue
        assert canonical_path(canonical, encoded_slash=encoded_slash) == canonical
        decoded = canonical.replace(ENCODED_SLASH, b"/")
        assert canonical_path(decoded) == decoded


def jws(data: bytes) -> None:
    """A token is three segments of canonical base64url."""
    try:
        parsed = parse(data)
    except TokenRefused:
        return
    assert data.count(b".") == 2
    assert parsed.signing_input == data.rpartition(b".")[0]


def key_set(data: bytes) -> None:
    """What is kept can be found, and can be asked; a signature of nothing verifies nowhere."""
    try:
        document = json.loads(data)
        keys = read_key_set(document, frozenset(ASYMMETRIC_ALGORITHMS))
    except (ValueError, RecursionError):  # KeySetError is one of them
        return
    for key in (*keys.by_kid.values(), *keys.without_kid):
        for algorithm in key.algorithms:
            assert not key.verify(b"", b"", algorithm)


def hpack(data: bytes) -> None:
    """A list that was decoded is encoded to what decodes to it."""
    try:
        fields = Decoder(16 * 1024).decode(data)
    except ConnectionFault:
        return
    assert Decoder(16 * 1024).decode(Encoder().encode(fields)) == fields


def h2_frames(data: bytes) -> None:
    """A server's end of a connection: events, and requests by the rules of HTTP/1.1. Nothing after it is broken."""
    connection = Connection(client=False)
    for at in range(0, len(data), 40):
        for event in connection.receive(data[at : at + 40], at / 1000):
            if isinstance(event, Headers):
                try:
                    parse_h2_request(event.fields, ingress_role, canonical=True, ended=event.ended)
                except Refused:
                    continue


def sniff(data: bytes) -> None:
    """What has been told does not change with more bytes, and no TLS is HTTP."""
    told = None
    for end in range(len(data) + 1):
        now = speaks_http(data[:end])
        assert told is None or now is told
        told = now
    if data[:1] == b"\x16":
        assert told is False


def resources(data: bytes) -> None:
    """YAML as the files of `--resources` have it: each document is a resource or a ParseError."""
    try:
        documents = documents_in(data)
    except ValueError:
        return
    for document in documents:
        try:
            resource = parse_resource(document, "shop")
        except ParseError:
            continue
        if isinstance(resource, Identity):
            assert all(pattern.text for pattern in resource.hosts)


def annotations(data: bytes) -> None:
    """A line per annotation, `name=value`: settings, a reason to skip the pod, or a ParseError."""
    pairs = dict(line.partition("=")[::2] for line in data.decode("utf-8", "replace").split("\n"))
    try:
        read = read_pod_settings({f"aegisproxy.io/{name}": value for name, value in pairs.items()}, "shop")
    except ParseError:
        return
    if isinstance(read, PodSettings) and read.ingress is not None:
        assert all(0 < port < 65536 for port in read.ingress.ports)


def listing(data: bytes) -> None:
    """The first line is the answer to a list, the others are lines of a watch. Each event comes to some actions."""
    dialogue = Listing(Target("aegis.aegisproxy.io/v1", "IngressPolicy", "shop", "orders"))
    dialogue.receive(Started(), 0.0, 0.5)
    first, _, rest = data.partition(b"\n")
    try:
        document = json.loads(first)
    except (ValueError, RecursionError):
        document = None
    dialogue.receive(Listed(document), 1.0, 0.5)
    dialogue.receive(Opened(), 2.0, 0.5)
    try:
        lines = LineSplitter(1 << 16).feed(rest)
    except LineTooLong:
        return
    for at, line in enumerate(lines):
        dialogue.receive(LineCame(line), 3.0 + at, 0.5)


TARGETS: Mapping[str, Take] = {
    take.__name__.replace("_", "-"): take
    for take in (
        request_head, response_head, chunked, target, jws, key_set, hpack, h2_frames, sniff, resources, annotations,
        listing,
    )
}  # fmt: skip
