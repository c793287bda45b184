"""Strategies for HTTP/1 messages: good ones, and good ones that were damaged (attack catalogue, section 4)."""

from hypothesis import strategies as st

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Bytes = st.SearchStrategy[bytes]


def _of(alphabet: bytes, least: int = 0, most: int = 8) -> Bytes:
    return st.lists(st.sampled_from(alphabet), min_size=least, max_size=most).map(bytes)


methods = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"])
segments = _of(b"abc._~!$&'()*+,=:@-%;", 0, 5) | st.sampled_from([b"..", b".", b"%2e", b"%41", b"%2F", b"", b"a;b=c"])
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: b"/" + b"/".join(parts))
queries = st.just(b"") | _of(b'ab=&?/%.\\"', 0, 6).map(lambda text: b"?" + text)
targets = st.builds(lambda path, query: path + query, paths, queries)
plain_names = _of(_TOKEN, 1, 6).map(lambda name: b"x-" + name)
values = _of(bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100)) + b"  \t", 0, 10)
plain_lines = st.builds(
    lambda name, gap, value: name + b":" + gap + value, plain_names, st.sampled_from([b"", b" ", b"\t"]), values
)
known_lines = st.sampled_from(
    [
        b"Host: a",
        b"Host: b:80",
        b"Content-Length: 0",
        b"Content-Length: 5",
        b"content-length:5 ",
        b"Content-Length: 05",
        b"Content-Length: 5, 5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: Chunked",
        b"transfer-encoding: gzip, chunked",
        b"Transfer_Encoding: chunked",
        b"Connection: close",
        b"Connection: keep-alive, x-a",
        b"Keep-Alive: timeout=5",
        b"Authorization: Bearer x.y.z",
        b"Expect: 100-continue",
        b"TE: trailers",
        b"Upgrade: h2c",
        b"X-Aegis-Identity: admin",
        b"X-Forwarded-For: 1.2.3.4",
        b"Trailer: x-a",
    ]
)
versions = st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0"])


def _head(method: bytes, target: bytes, version: bytes, host: list[bytes], lines: list[bytes]) -> bytes:
    return b"\r\n".join([method + b" " + target + b" " + version, *host, *lines])


request_heads = st.builds(
    _head,
    methods,
    targets,
    versions,
    st.just([b"Host: a"]),
    st.lists(plain_lines | known_lines.filter(lambda line: line[:4] != b"Host"), max_size=4),
)
statuses = st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"404", b"500 ", b"103 Early Hints"])
response_heads = st.builds(
    lambda version, status, lines: b"\r\n".join([version + b" " + status, *lines]),
    versions,
    statuses,
    st.lists(plain_lines | known_lines, max_size=4),
)

_MEANINGFUL = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b":",
    b" ",
    b"\t",
    b",",
    b";",
    b"0",
    b"1",
    b"\x7f",
    b"\x80",
    b"\x0b",
    b"=",
    b"_",
    b"-",
]


@st.composite
def damaged(draw: st.DrawFn, whole: Bytes) -> bytes:
    """A message with up to three meaningful bytes put in, taken out, doubled or moved."""
    data = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["insert", "delete", "double line", "replace", "swap"])):
            case "insert":
                data = data[:at] + draw(st.sampled_from(_MEANINGFUL)) + data[at:]
            case "delete":
                data = data[:at] + data[at + 1 :]
            case "replace":
                data = data[:at] + draw(st.sampled_from(_MEANINGFUL)) + data[at + 1 :]
            case "double line":
                lines = data.split(b"\r\n")
                lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
                data = b"\r\n".join(lines)
            case "swap":
                data = data[:at] + data[at + 1 : at + 2] + data[at : at + 1] + data[at + 2 :]
    return data


@st.composite
def split(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes in pieces."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
