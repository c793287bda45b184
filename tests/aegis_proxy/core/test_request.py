import re
from collections.abc import Callable

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_proxy.core.fields import egress_role, ingress_role
from aegis_proxy.core.framing import ChunkedDecoder
from aegis_proxy.core.head import MAX_FIELDS, MAX_TARGET
from aegis_proxy.core.refusals import Refused
from aegis_proxy.core.request import Body, Request, is_authority, parse_request, same_authority
from support.http_messages import damaged, request_heads, targets

Role = Callable[[bytes], int]


def head(
    *lines: bytes, target: bytes = b"/x", method: bytes = b"GET", version: bytes = b"HTTP/1.1", host: bytes = b"a"
) -> bytes:
    hosts = [b"Host: " + host] if host else []
    return b"\r\n".join([method + b" " + target + b" " + version, *hosts, *lines])


def parse(block: bytes, role: Role = ingress_role, *, canonical: bool = True) -> Request:
    return parse_request(block, role, canonical=canonical)


def refusal(block: bytes, role: Role = ingress_role, *, canonical: bool = True) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        parse(block, role, canonical=canonical)
    assert caught.value.refusal.closes
    return caught.value.refusal.status, caught.value.refusal.code


def status(block: bytes) -> int:
    return refusal(block)[0]


def test_a_request_is_read_whole() -> None:
    """Every part that later steps judge, and the lines that pass on as they came."""
    request = parse(head(b"Accept: x", b"Authorization: Bearer t", b"x-b:\ty ", target=b"/a?b=%2F", host=b"A:80"))
    assert request == Request(
        b"GET",
        b"/a?b=%2F",
        b"/a",
        b"A:80",
        [b"Accept: x", b"x-b:\ty "],
        Body.NONE,
        0,
        True,
        False,
        b"Bearer t",
        False,
        False,
    )


TARGETS = {
    "P01": (b"/public", b"/public"),
    "P02-slash": (b"/public/", b"/public/"),
    "P02-query": (b"/public/x?y", b"/public/x?y"),
    "P03": (b"/publicity", b"/publicity"),
    "P04": (b"/public/../admin", b"/admin"),
    "P05": (b"/public/%2e%2e/admin", b"/admin"),
    "P05-mixed": (b"/%2E./admin", b"/admin"),
    "P06": (b"/public/.%2e/%2e/../admin", b"/admin"),
    "P07": (b"//admin", 400),
    "P07-inner": (b"/public//../admin", 400),
    "P08": (b"///public", 400),
    "P09": (b"/public/..%2fadmin", 400),
    "P09-first": (b"/public%2f..%2fadmin", 400),
    "P10": (b"/public/..%5cadmin", 400),
    "P10-raw": (b"/public\\..\\admin", 400),
    "P11": (b"/%61dmin", b"/admin"),
    "P12": (b"/public/%252e%252e/admin", 400),
    "P13": (b"/public%00.html", 400),
    "P13-first": (b"/admin%00/public", 400),
    "P14": (b"/public%0d%0aX:1", 400),
    "P14-tab": (b"/public%09", 400),
    "P14-del": (b"/%7f", 400),
    "P15": (b"/public\x7f", 400),
    "P15-80": (b"/\x80", 400),
    "P15-b0": (b"/\xb0", 400),
    "P16": (b"/public HTTP/1.1 x", 400),
    "P16-two-spaces": (b" /public", 400),
    "P16-tab": (b"/public\tHTTP/1.1", 400),
    "P17-star": (b"/public/*", b"/public/*"),
    "P17-only-star": (b"/*", b"/*"),
    "P17-braces": (b"/p{ublic}", b"/p{ublic}"),
    "P18": (b"/" + b"a" * 20_000, 414),
    "P20": (b"/admin/../public", b"/public"),
    "P21": (b"/public%2e%2e/admin", b"/public../admin"),
    "P22": (b"/public/..;/admin", 400),
    "P23": (b"/public;/../admin", b"/admin"),
    "P23-first": (b"/;/admin", 400),
    "P23-name": (b"/admin;a=b", b"/admin;a=b"),
    "P24": (b"/public/x;jsessionid=1", b"/public/x;jsessionid=1"),
    "P25": (b"/PUBLIC", b"/PUBLIC"),
    "P26": (b"/public#/../admin", 400),
    "P26-admin": (b"/admin#x", 400),
    "P26-app": (b"/app#foo", 400),
    "P27": (b"/public?/../admin", b"/public?/../admin"),
    "P27-fragment": (b"/public?x=#y", 400),
    "P28": (b"/public%3f/../admin", b"/admin"),
    "P29": (b"/%c0%ae%c0%ae/admin", 400),
    "P29-slash": (b"/%c0%af", 400),
    "P30": (b"/%ef%bc%8fadmin", b"/%EF%BC%8Fadmin"),
    "P31-u": (b"/%u002e%u002e/admin", 400),
    "P31-zz": (b"/%zz", 400),
    "P31-end": (b"/%", 400),
    "P31-one": (b"/%4", 400),
    "P32": (b"/0x2e0x2e/admin", b"/0x2e0x2e/admin"),
    "P32-three": (b"/.../admin", b"/.../admin"),
    "P32-four": (b"/..../admin", b"/..../admin"),
    "P33": (b"admin", 400),
    "P33-path": (b"admin/a/b", 400),
    "P33-mark": (b"!", 400),
    "P33-authority": (b"haproxy.org:80", 400),
    "P34": (b"http://a/admin", b"/admin"),
    "P34-upper": (b"HTTP://A:80/admin?q", b"/admin?q"),
    "P34-no-path": (b"http://a", b"/"),
    "P34-only-query": (b"http://a?q", b"/?q"),
    "P35": (b"http://b/public", 400),
    "P35-port": (b"http://a:81/public", 400),
    "P36": (b"http://u:p@a/public", 400),
    "P36-user": (b"http://a@a/public", 400),
    "P37-https": (b"https://a/public", 400),
    "P37-ftp": (b"ftp://a/", 400),
    "P37-file": (b"file:///etc/passwd", 400),
    "P37-empty": (b"http:///x", 400),
    "P38-GET": (b"*", 400),
    "P39": (b"/public/%2E%2E%2Fadmin;/", 400),
}


@pytest.mark.parametrize(("target", "expected"), TARGETS.values(), ids=TARGETS)
def test_a_target_has_one_reading_or_is_refused(target: bytes, expected: bytes | int) -> None:
    """What is judged, and sent on, is the canonical form."""
    if isinstance(expected, int):
        assert status(head(target=target)) == expected
    else:
        request = parse(head(target=target))
        assert request.target == expected
        assert request.path == expected.partition(b"?")[0]


def test_p38_options_may_ask_for_the_whole_server() -> None:
    """`*` is no path; only policy that lists it allows it."""
    request = parse(head(target=b"*", method=b"OPTIONS"))
    assert (request.target, request.path, request.absolute) == (b"*", b"*", False)


def test_p34_the_host_of_an_absolute_target_is_the_one_that_counts() -> None:
    """RFC 9112 section 3.2.2; it must agree with Host."""
    request = parse(head(target=b"http://A.:80/x", host=b"a"))
    assert (request.host, request.absolute) == (b"A.:80", True)
    assert not parse(head()).absolute


@pytest.mark.parametrize("target", [b"/public/../x//%2f;", b"/%zz", b"/a\\b", b"//", b"/?a"])
def test_the_way_out_leaves_a_path_as_it_came(target: bytes) -> None:
    """It is the next proxy's to judge."""
    assert parse(head(target=target), egress_role, canonical=False).target == target


@pytest.mark.parametrize("target", [b"/a#b", b"http://a/x#y", b"/?#"])
def test_the_way_out_sends_no_fragment(target: bytes) -> None:
    """A server could cut it off."""
    assert refusal(head(target=target), egress_role, canonical=False) == (400, "bad_target")


@given(targets)
def test_p40_a_canonical_target_is_its_own_canonical_form(target: bytes) -> None:
    """What the origin gets would be judged as the request was."""
    try:
        request = parse(head(target=target))
    except Refused:
        return
    again = parse(head(target=request.target))
    assert (again.target, again.path) == (request.target, request.path)


@pytest.mark.parametrize("extra", [0, 1])
def test_targets_up_to_the_limit_pass(extra: int) -> None:
    """P18: one byte more is a 414."""
    target = b"/" + b"a" * (MAX_TARGET - 1 + extra)
    if extra:
        assert refusal(head(target=target)) == (414, "target_too_long")
    else:
        assert parse(head(target=target)).target == target


METHODS = {
    "M01-NUL": (b"GET\x00", 400),
    "M01-quote": (b'G=":', 400),
    "M01-long": (b"G" * 5000, 400),
    "M01-empty": (b"", 400),
    "M03": (b"TRACE", 405),
    "M04": (b"CONNECT", 405),
}


@pytest.mark.parametrize(("method", "expected"), METHODS.values(), ids=METHODS)
def test_methods_that_no_app_should_see_are_refused(method: bytes, expected: int) -> None:
    """No token, or one that makes a proxy a tunnel or an echo."""
    assert status(head(method=method)) == expected


def test_m04_connect_is_refused_whatever_its_target() -> None:
    """An authority is no path, and this is no tunnel."""
    assert refusal(head(method=b"CONNECT", target=b"evil:443")) == (405, "connect_refused")


@pytest.mark.parametrize("method", [b"get", b"GeT", b"M-SEARCH", b"X" * 32])
def test_m01_other_methods_are_for_policy_to_judge(method: bytes) -> None:
    """Methods have case (RFC 9110 section 9.1)."""
    assert parse(head(method=method)).method == method


HOSTS = {
    "H01-none": b"",
    "H01-list": b"a, b",
    "H01-space": b" ",
    "H01-path": b"a/path",
    "H01-user": b"u@a",
    "H01-port": b"a:99999",
    "H01-port-0": b"a:0",
    "H01-no-port": b"a:",
    "H01-two-words": b"a b",
    "H01-bracket": b"[::1",
    "H01-query": b"a?b",
    "H01-dash": b"-a",
    "H01-long": b"a" * 300,
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_host_is_a_name_with_a_port_or_none(host: bytes) -> None:
    """RFC 9112 section 3.2: anything else is a 400."""
    assert refusal(head(host=host)) == (400, "bad_host")


@pytest.mark.parametrize("lines", [(b"Host: a",), (b"host: b",), (b"HOST:",)])
def test_h01_two_hosts_are_refused(lines: tuple[bytes, ...]) -> None:
    """The same twice, too."""
    assert refusal(head(*lines)) == (400, "bad_host")


@pytest.mark.parametrize("host", [b"a", b"App.NS.SVC.", b"a:65535", b"[::1]:80", b"127.0.0.1", b"xn--a", b"_a.b"])
def test_hosts_that_are_good(host: bytes) -> None:
    """A name or a literal address."""
    assert parse(head(host=host)).host == host
    assert is_authority(host)


def test_f19_http_1_0_needs_a_host_too() -> None:
    """Else nobody could say where it goes."""
    assert refusal(head(host=b"", version=b"HTTP/1.0")) == (400, "bad_host")
    assert parse(head(version=b"HTTP/1.0")).http_1_0


@pytest.mark.parametrize(
    ("one", "other"), [(b"a", b"A"), (b"a", b"a."), (b"a:80", b"a"), (b"a.:80", b"A"), (b"[::1]", b"[::1]:80")]
)
def test_h02_authorities_that_are_the_same(one: bytes, other: bytes) -> None:
    """Case, the dot of a whole name and the port that http has anyway make no difference."""
    assert same_authority(one) == same_authority(other)


@pytest.mark.parametrize(("one", "other"), [(b"a", b"b"), (b"a:81", b"a"), (b"a:8", b"a:80"), (b"[::1]", b"[::2]")])
def test_h02_authorities_that_differ(one: bytes, other: bytes) -> None:
    """Another name, or another port."""
    assert same_authority(one) != same_authority(other)


FIELDS = {
    "H04-twice": ([b"Authorization: Bearer a", b"Authorization: Bearer a"], "two_credentials"),
    "H04-two": ([b"Authorization: Bearer a", b"authorization: Bearer b"], "two_credentials"),
    "H11-length": ([b"Content_Length: 5"], "bad_header"),
    "H11-coding": ([b"Transfer_Encoding: chunked"], "bad_header"),
    "H11-dashes": ([b"Transfer---Encoding: chunked"], "bad_header"),
    "H12-space-in-name": ([b"Bad Header: v"], "bad_header"),
    "H12-NUL": ([b"X\x00: v"], "bad_header"),
    "H12-high": ([b"\xefoo: v"], "bad_header"),
    "H12-no-name": ([b": v"], "bad_header"),
    "H12-C1": ([b"X\x85: v"], "bad_header"),
    "H12-no-colon": ([b"nocolon"], "bad_header"),
    "H12-space-before-colon": ([b"X : a"], "bad_header"),
    "H13-NUL": ([b"X: v\x00"], "bad_header"),
    "H13-CR": ([b"X: v\ralue"], "bad_header"),
    "H13-VT": ([b"X: \x0b"], "bad_header"),
    "H13-DEL": ([b"X: \x7f"], "bad_header"),
    "H15-fold": ([b"X: a", b" b"], "bad_header"),
    "H15-fold-tab": ([b"Authorization: Bearer", b"\ta.b.c"], "bad_header"),
    "H15-fold-coding": ([b"Transfer-Encoding:", b" chunked"], "bad_header"),
    "F01": ([b"Content-Length: 5", b"Transfer-Encoding: chunked"], "bad_framing"),
    "F01-other-order": ([b"Transfer-Encoding: chunked", b"Content-Length: 5"], "bad_framing"),
    "F02-1-0": ([b"Content-Length: 1", b"Content-Length: 0"], "bad_framing"),
    "F02-same": ([b"Content-Length: 5", b"Content-Length: 5"], "bad_framing"),
    **{
        f"F02-F05-{number}": ([b"Content-Length: " + value], "bad_framing")
        for number, value in enumerate(
            [
                b"5, 5",
                b"5,6",
                b"5 5",
                b"",
                b"+5",
                b"-48",
                b"0x10",
                b"1_0",
                b"1Z",
                "５".encode(),
                b"\xb2",
                b"5.0",
                b"1e1",
                b"010",
                b"0000000003",
                b"9" * 20,
                b"9" * 4000,
                b"9" * 5000,
            ]
        )
    },
    "F06-identity": ([b"Transfer-Encoding: identity"], "bad_framing"),
    "F06-identity-and-length": ([b"Transfer-Encoding: identity", b"Content-Length: 5"], "bad_framing"),
    "F06-two-lines": ([b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"], "bad_framing"),
    "F07-twice": ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], "bad_framing"),
    **{
        f"F07-F08-{number}": ([b"Transfer-Encoding: " + value], "bad_framing")
        for number, value in enumerate(
            [
                b"chunked, chunked",
                b",chunked",
                b"chunked,",
                b"gzip, chunked",
                b"chunked, gzip",
                b'"chunked"',
                b"",
                b"\xa0chunked\xa0",
                "chunKed".encode(),
            ]
        )
    },
    "F08-VT": ([b"Transfer-Encoding: \x0bchunked"], "bad_header"),
    "F08-NUL": ([b"Transfer-Encoding: chunked\x00"], "bad_header"),
    "F09-space": ([b"Transfer-Encoding : chunked"], "bad_header"),
    "F09-first-space": ([b" Transfer-Encoding: chunked"], "bad_header"),
    "F09-CR-in-name": ([b"Transfer\r-Encoding: chunked"], "bad_header"),
    "F09-CR-in-value": ([b"X: X\rTransfer-Encoding: chunked"], "bad_header"),
    "F09-LF-in-value": ([b"X: X\nTransfer-Encoding: chunked"], "bad_header"),
    "F09-broken-name": ([b"Transfer-", b"Encoding: chunked"], "bad_header"),
}


@pytest.mark.parametrize(("lines", "code"), FIELDS.values(), ids=FIELDS)
def test_fields_that_two_readers_could_take_differently_are_refused(lines: list[bytes], code: str) -> None:
    """A 400, in whatever spelling."""
    assert refusal(head(*lines, method=b"POST")) == (400, code)


@pytest.mark.parametrize("coding", [b"cow", b"xchunked", b"chunk", b"gzip", b"'chunked'"])
def test_f07_a_coding_that_nobody_knows_is_not_implemented(coding: bytes) -> None:
    """RFC 9112 section 6.1."""
    assert refusal(head(b"Transfer-Encoding: " + coding)) == (501, "unknown_transfer_coding")


def test_f10_http_1_0_has_no_chunks() -> None:
    """RFC 9112 section 6.1: its framing is faulty."""
    assert refusal(head(b"Transfer-Encoding: chunked", version=b"HTTP/1.0")) == (400, "bad_framing")


@pytest.mark.parametrize(
    ("lines", "body", "length"),
    [
        ([], Body.NONE, 0),
        ([b"Content-Length: 0"], Body.NONE, 0),
        ([b"Content-Length:5"], Body.LENGTH, 5),
        ([b"Content-Length: 999999999999999999 "], Body.LENGTH, 10**18 - 1),
        ([b"Transfer-Encoding:\tCHUNKED "], Body.CHUNKED, 0),
    ],
)
def test_bodies_are_framed_in_one_way(lines: list[bytes], body: Body, length: int) -> None:
    """Framing fields do not pass on: the body is framed anew."""
    request = parse(head(*lines, method=b"POST"))
    assert (request.body, request.length, request.fields) == (body, length, [])


@pytest.mark.parametrize(
    ("lines", "version", "keep"),
    [
        ([], b"HTTP/1.1", True),
        ([b"Connection: close"], b"HTTP/1.1", False),
        ([b"Connection: CLOSE, x"], b"HTTP/1.1", False),
        ([b"Connection: x", b"Connection: close"], b"HTTP/1.1", False),
        ([b"Connection: keep-alive"], b"HTTP/1.1", True),
        ([b"Connection:"], b"HTTP/1.1", True),
        ([], b"HTTP/1.0", False),
        ([b"Connection: keep-alive"], b"HTTP/1.0", False),
    ],
)
def test_f26_close_means_close(lines: list[bytes], version: bytes, keep: bool) -> None:
    """Wherever in the list it stands; HTTP/1.0 gets one answer."""
    assert parse(head(*lines, version=version)).keep_alive is keep


def test_h07_connection_removes_what_it_names_and_nothing_that_counts() -> None:
    """What it names of ours, or of what we judge, stays."""
    request = parse(
        head(
            b"X-A: 1",
            b"X-B: 2",
            b"Authorization: Bearer t",
            b"Content-Length: 3",
            b"Connection: close, Authorization, X-Aegis-Identity, Host, Content-Length, x-a",
        )
    )
    assert request.fields == [b"X-B: 2"]
    assert (request.credentials, request.host, request.length) == (b"Bearer t", b"a", 3)


def test_h08_an_empty_connection_line_hides_no_other() -> None:
    """CVE-2021-33197: all lines count."""
    assert parse(head(b"Connection:", b"Connection: x-a", b"X-A: 1")).fields == []


@pytest.mark.parametrize(
    ("lines", "passed"),
    [
        ([b"TE: trailers"], [b"TE: trailers"]),
        ([b"te:TRAILERS"], [b"TE: trailers"]),
        ([b"TE: gzip"], []),
        ([b"TE: trailers", b"TE: gzip"], []),
        ([b"Keep-Alive: 5", b"Proxy-Connection: x", b"Upgrade: h2c", b"HTTP2-Settings: x", b"Connection: Upgrade"], []),
    ],
)
def test_h08_u01_hop_by_hop_fields_end_here(lines: list[bytes], passed: list[bytes]) -> None:
    """Only `TE: trailers` goes on, which gRPC needs; no upgrade does."""
    assert parse(head(*lines)).fields == passed


def test_h09_h10_m02_what_a_client_may_not_say_is_taken_out() -> None:
    """Our own fields, those of other hops, and those that change the method."""
    lines = [b"X-Aegis-Identity: admin", b"X_Aegis_Identity: admin", b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=x"]
    methods = [b"X-HTTP-Method-Override: DELETE", b"X-HTTP-Method: DELETE", b"X-Method-Override: DELETE"]
    assert parse(head(*lines, *methods, b"Accept: x")).fields == [b"Accept: x"]


def test_h14_obs_text_passes_unchanged() -> None:
    """RFC 9110 section 5.5; nothing is stripped of it."""
    assert parse(head(b"X: \x85admin\xa0")).fields == [b"X: \x85admin\xa0"]


def test_h16_the_number_of_fields_is_bounded() -> None:
    """With Host, 200 pass and 201 do not."""
    lines = [b"X: %d" % number for number in range(MAX_FIELDS - 1)]
    assert parse(head(*lines)).fields == lines
    assert refusal(head(*lines, b"X: 1")) == (431, "head_too_large")


def test_h16_a_token_of_8_kib_passes() -> None:
    """The limit that the design promises."""
    value = b"Bearer " + b"a" * 8192
    assert parse(head(b"Authorization: " + value)).credentials == value


@pytest.mark.parametrize(
    ("lines", "version", "expects"),
    [
        ([b"Expect: 100-continue", b"Content-Length: 5"], b"HTTP/1.1", True),
        ([b"Expect: 100-Continue", b"Transfer-Encoding: chunked"], b"HTTP/1.1", True),
        ([b"Expect: 100-continue"], b"HTTP/1.1", False),
        ([b"Expect: 100-continue", b"Content-Length: 5"], b"HTTP/1.0", False),
    ],
)
def test_expectations_that_are_known(lines: list[bytes], version: bytes, expects: bool) -> None:
    """RFC 9110 section 10.1.1: without a body, or in HTTP/1.0, there is nothing to expect."""
    assert parse(head(*lines, version=version)).expects_continue is expects


@pytest.mark.parametrize("lines", [[b"Expect: xyz"], [b"Expect:"], [b"Expect: 100-continue", b"Expect: 100-continue"]])
def test_f22_other_expectations_are_refused(lines: list[bytes]) -> None:
    """417."""
    assert refusal(head(*lines)) == (417, "bad_expectation")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"", (400, "bad_request")),
        (b"GET /" + b"a" * 20_000 + b"\x00 HTTP/1.1", (414, "target_too_long")),
        (b"GET / HTTP/1.9\r\nX: \x00", (505, "bad_version")),
        (b"GET / HTTP/1.1\r\n\x00", (400, "bad_header")),
        (b"GET / HTTP/1.1\x00", (400, "bad_request")),
    ],
)
def test_heads_that_are_none_say_why(block: bytes, expected: tuple[int, str]) -> None:
    """For the log and the status."""
    assert refusal(block) == expected


@given(damaged(request_heads) | request_heads | st.binary(max_size=100), st.booleans())
def test_a_head_parses_or_is_refused_never_anything_else(block: bytes, canonical: bool) -> None:
    """What parses is sane: a bounded target without control bytes, a host, and lines that are lines."""
    try:
        request = parse(block, canonical=canonical)
    except Refused as refused:
        status = refused.refusal.status
    else:
        status = 0
        _check_sane(request)
    assert status in (0, 400, 405, 414, 417, 431, 501, 505)


def _check_sane(request: Request) -> None:
    assert re.fullmatch(rb"[!-~]+", request.target)
    assert is_authority(request.host)
    assert not any(re.search(rb"[\r\n\0]|^[ \t]", line) for line in request.fields)
    assert request.length == 0 or request.body is Body.LENGTH


class _Seen:
    """What llhttp makes of a message."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


# llhttp knows a list of methods; we leave them to policy.
KNOWN_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"})
BODY = {Body.NONE: b"", Body.LENGTH: b"01234", Body.CHUNKED: b"3\r\nabc\r\n0\r\n\r\n"}


@settings(max_examples=300)
@given(damaged(request_heads) | request_heads)
def test_what_we_take_llhttp_takes_the_same(block: bytes) -> None:
    """A parser of other authors agrees on method, target, fields, and where the body ends."""
    try:
        request = parse(block, egress_role, canonical=False)
    except Refused:
        return
    if request.method not in KNOWN_METHODS or (request.body is Body.LENGTH and request.length > 100):
        return
    body = b"0" * request.length if request.body is Body.LENGTH else BODY[request.body]
    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(block + b"\r\n\r\n" + body)
    except httptools.HttpParserUpgrade:  # it leaves the rest to whoever speaks the other protocol; we do not upgrade
        assert re.search(rb"\r\nupgrade:", block, re.IGNORECASE)
    assert parser.get_method() == request.method
    assert seen.url == (block.split(b" ")[1] if request.absolute else request.target)
    theirs = [(name.lower(), value.strip(b" \t")) for name, value in seen.fields]
    ours = [(name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in request.fields)]
    assert [each for each in ours if each not in theirs and each != (b"te", b"trailers")] == []
    assert (b"host", request.host) in theirs or request.absolute
    assert parser.get_http_version() == ("1.0" if request.http_1_0 else "1.1")
    assert seen.complete
    if request.body is Body.CHUNKED:
        decoder = ChunkedDecoder()
        assert (seen.body, b"") == decoder.feed(body)
    else:
        assert seen.body == body


@pytest.mark.parametrize(
    ("method", "fields", "repeatable"),
    [
        (b"GET", b"", True),
        (b"PUT", b"", True),
        (b"POST", b"", False),
        (b"PATCH", b"", False),
        (b"PUT", b"Content-Length: 1\r\n", False),
        (b"GET", b"Transfer-Encoding: chunked\r\n", False),
    ],
)
def test_f32_what_may_be_sent_again(method: bytes, fields: bytes, repeatable: bool) -> None:
    """RFC 9110 section 9.2.2: a method that does the same twice, and no body that is gone by then."""
    block = method + b" /x HTTP/1.1\r\nHost: a\r\n" + fields
    assert parse_request(block.removesuffix(b"\r\n"), ingress_role, canonical=True).repeatable is repeatable
