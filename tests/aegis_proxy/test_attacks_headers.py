"""Section 2.2 of the attack catalogue, on real sockets: methods, Host, credentials and other fields."""

import json

import pytest

from support.mesh import CANARY, LAST, Mesh, bearer, request
from support.proxy_process import signed, token
from support.tokens import SUBJECT, signing_key

FED = [pytest.param(False, id="whole"), pytest.param(True, id="one-by-one")]
GOOD = bearer()

# The request, and the status that ends its connection.
ENDING: dict[str, tuple[bytes, int]] = {
    "M01-NUL": (request(method=b"GET\x00"), 400),
    "M01-quote": (request(method=b'G=":'), 400),
    "M01-long": (request(method=b"G" * 5000), 400),
    "M03": (request(method=b"TRACE"), 405),
    "M04": (request(b"evil:443", method=b"CONNECT", host=b"evil:443"), 405),
    "M04-metadata": (request(b"169.254.169.254:80", method=b"CONNECT") + b"early data", 405),
    "H01-none": (request(host=None), 400),
    "H01-two": (request(b"/public", b"Host: b"), 400),
    "H01-same": (request(b"/public", b"Host: a"), 400),
    "H01-list": (request(host=b"a, b"), 400),
    "H01-empty": (request(host=b""), 400),
    "H01-path": (request(host=b"a/path"), 400),
    "H01-user": (request(host=b"u@a"), 400),
    "H01-port": (request(host=b"a:99999"), 400),
    "H01-space": (request(host=b"a b"), 400),
    "H01-bracket": (request(host=b"[::1"), 400),
    "H04-valid-invalid": (request(b"/public", b"Authorization: Bearer x"), 400),
    "H04-invalid-valid": (request(b"/public", b"Authorization: Bearer x", GOOD, auth=False), 400),
    "H04-same": (request(b"/public", GOOD), 400),
    "H11-length": (request(b"/public", b"Content_Length: 5"), 400),
    "H11-coding": (request(b"/public", b"Transfer_Encoding: chunked"), 400),
    "H11-dashes": (request(b"/public", b"Transfer---Encoding: chunked"), 400),
    "H12-space": (request(b"/public", b"Bad Header: v"), 400),
    "H12-NUL": (request(b"/public", b"X\x00: v"), 400),
    "H12-high": (request(b"/public", b"\xefoo: v"), 400),
    "H12-empty": (request(b"/public", b": v"), 400),
    "H12-C1": (request(b"/public", b"X\x85: v"), 400),
    "H12-no-colon": (request(b"/public", b"nocolon"), 400),
    "H12-before-colon": (request(b"/public", host=None)[:-2] + b"Host : a\r\n\r\n", 400),
    "H12-first": (b"GET /public HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", 400),
    "H13-controls": (request(b"/public", b"X: \x01"), 400),
    "H13-DEL": (request(b"/public", b"X: \x7f"), 400),
    "H13-CR": (request(b"/public", b"X: v\ralue"), 400),
    "H13-NUL": (request(b"/public", b"X: v\x00"), 400),
    "H15-X": (request(b"/public", b"X: a", b" b"), 400),
    "H15-authorization": (request(b"/public", b"Authorization:", b" Bearer x", auth=False), 400),
    "H15-coding": (request(b"/public", b"Transfer-Encoding:", b" chunked"), 400),
    "H15-host": (request(b"/public", b"Host:", b" a", host=None), 400),
    "H16-fields": (request(b"/public", *[b"X: y"] * 201), 431),
    "H16-block": (request(b"/public", b"X: " + b"a" * 70_000), 431),
    "H17-line": (
        request(b"/upload", b"Transfer-Encoding: chunked", method=b"POST", body=b"0\r\nGET /x HTTP/1.1\r\n\r\n"),
        400,
    ),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize(("data", "status"), ENDING.values(), ids=ENDING)
def test_what_is_malformed_ends_the_connection(mesh: Mesh, data: bytes, status: int, one_by_one: bool) -> None:
    """O1, O3: an answer, then the end; nothing behind it is read, and the app sees no whole request.

    Where the catalogue says 400 or 505, another version is a 505.
    """
    answers = mesh.ask(data + CANARY, one_by_one=one_by_one and len(data) < 20_000)
    assert [answer.status for answer in answers] == [status]
    assert answers[0].value(b"connection") == b"close"
    assert mesh.origin.targets == []


def test_m04_nothing_is_dialled(mesh: Mesh) -> None:
    """A tunnel that was refused was not begun."""
    mesh.ask(request(b"127.0.0.1:%d" % mesh.origin.port, method=b"CONNECT"))
    assert mesh.origin.connections == []


def test_m05_nothing_of_http_1_follows_the_preface_of_http_2(mesh: Mesh) -> None:
    """Whether HTTP/2 is spoken there or refused."""
    with mesh.client() as client:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + CANARY).finish().rest()
    assert mesh.origin.targets == []


TOKEN = token()
NOT_KNOWN = {
    "none": [],
    "H04-list": [b"Authorization: Bearer " + TOKEN + b", Bearer " + TOKEN],
    "H05-tab": [b"authorization:Bearer\t" + TOKEN],
    "H05-two-spaces": [b"Authorization: Bearer  " + TOKEN],
    "H05-no-token": [b"Authorization: Bearer"],
    "H05-basic": [b"Authorization: Basic x"],
    "H05-extra": [b"Authorization: Bearer " + TOKEN + b" extra"],
    "H06-cookie": [b"Cookie: access_token=" + TOKEN],
    "H06-proxy": [b"Proxy-Authorization: Bearer " + TOKEN],
    "H06-x": [b"X-Access-Token: " + TOKEN],
    "X07-exp": [b"Authorization: Bearer " + token(iat=1, nbf=1, exp=100)],
    "X07-nbf": [b"Authorization: Bearer " + token(nbf=4_000_000_000)],
    "X07-iss": [b"Authorization: Bearer " + token(iss="https://other.example")],
    "X07-aud": [b"Authorization: Bearer " + token(aud="other")],
    "X07-no-aud": [b"Authorization: Bearer " + token(aud=...)],
    "X07-no-exp": [b"Authorization: Bearer " + token(exp=...)],
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize("lines", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_without_a_good_token_there_is_a_401(mesh: Mesh, lines: list[bytes], one_by_one: bool) -> None:
    """The connection stays open, and the next request is judged by its own."""
    answers = mesh.ask(request(b"/public", *lines, auth=False) + CANARY + LAST, one_by_one=one_by_one)
    assert [answer.status for answer in answers] == [401, 200, 200]
    challenge = answers[0].value(b"www-authenticate")
    assert challenge is not None
    assert challenge.startswith(b"Bearer")
    assert mesh.origin.targets == [b"/public/canary", b"/public/last"]


def test_j42_a_refused_token_learns_nothing(mesh: Mesh) -> None:
    """All 401 to a token are the same bytes but for the decision, whatever is wrong with it."""
    wrong = [b"x", b"a.b.c", TOKEN[:-4] + b"AAAA", signed(signing_key(kid="k9")), signed(signing_key("RS256"))]
    wrong += [token(aud="other"), token(iss="other"), token(sub="*"), token(iat=1, nbf=1, exp=100), token(sub=...)]
    seen = set()
    for credentials in wrong:
        (answer,) = mesh.ask(
            request(b"/public", b"Authorization: Bearer " + credentials, b"Connection: close", auth=False)
        )
        decision = json.loads(answer.body)["decision"]
        assert len(decision) == 16
        seen.add((answer.head, answer.body.replace(decision.encode(), b"")))
    assert len(seen) == 1
    assert seen.pop()[0].startswith(b"HTTP/1.1 401 ")


def test_h06_a_token_in_the_query_is_no_token(mesh: Mesh) -> None:
    """It would stand in every log on the way."""
    answers = mesh.ask(request(b"/public?access_token=" + TOKEN, b"Connection: close", auth=False))
    assert [answer.status for answer in answers] == [401]


@pytest.mark.parametrize("scheme", [b"bearer ", b"BEARER "])
def test_h05_the_scheme_has_no_case(mesh: Mesh, scheme: bytes) -> None:
    """And space around a value is no part of it."""
    line = b"authorization:" + scheme + TOKEN + b" \t"
    assert mesh.ask(request(b"/public", line, b"Connection: close", auth=False))[0].status == 200


@pytest.mark.parametrize(
    ("method", "target"), [(b"get", b"/public"), (b"GeT", b"/public"), (b"HEAD", b"/public"), (b"OPTIONS", b"/public")]
)
def test_m01_m03_m06_methods_are_judged_as_they_come(mesh: Mesh, method: bytes, target: bytes) -> None:
    """No case is folded, HEAD is not implied by GET, and OPTIONS is no exception."""
    with mesh.client() as client:
        assert client.send(request(target, method=method)).answer(method=method).status == 403
    assert mesh.origin.targets == []


def seen_by_app(mesh: Mesh, *lines: bytes, **how: bytes) -> list[bytes]:
    """The fields that the app got of an allowed request."""
    answers = mesh.ask(request(how.pop("target", b"/public"), *lines, b"Connection: close", **how))  # type: ignore[arg-type]  # bytes only
    assert [answer.status for answer in answers] == [200]
    (seen,) = mesh.origin.requests
    return seen.fields


OURS = [b"X-Aegis-Identity: " + SUBJECT.encode(), b"X-Forwarded-For: 127.0.0.1"]

FIELDS: dict[str, tuple[list[bytes], list[bytes]]] = {
    "M02": ([b"X-HTTP-Method-Override: DELETE", b"X-HTTP-Method: DELETE", b"X-Method-Override: DELETE"], []),
    "H07": ([b"Connection: close, Authorization, X-Aegis-Identity, Host, Content-Length, X-A", b"X-A: 1"], []),
    "H08-empty-first": ([b"Connection:", b"Connection: x-a", b"X-A: 1"], []),
    "H08-hop-by-hop": ([b"Keep-Alive: 5", b"Proxy-Connection: x", b"Proxy-Authenticate: x", b"Upgrade: x"], []),
    "H08-TE": ([b"TE: trailers, gzip"], []),
    "H08-TE-trailers": ([b"TE: trailers"], [b"TE: trailers"]),
    "H09": ([b"X-Aegis-Identity: admin", b"X-Aegis-Proxy: true", b"x-aegis-any: 1"], []),
    "H09-folds": ([b"X_Aegis_Identity: admin", b"X-Aegis_Identity: admin", b"X--Aegis-Identity: admin"], []),
    "H10": (
        [
            b"X-Forwarded-For: 1.2.3.4",
            b"X-Forwarded-Proto: https",
            b"X-Forwarded-Host: b",
            b"X-Real-IP: 1.2.3.4",
            b"Forwarded: for=x",
            b"X-Original-URL: /admin",
            b"X-Rewrite-URL: /admin",
            b"x-envoy-original-path: /admin",
            b"X-Forwarded-Client-Cert: x",
            b"X-Forwarded-Prefix: /admin",
        ],
        [],
    ),
    "H14": ([b"X: \x85admin\xa0", b"Y: \xff"], [b"X: \x85admin\xa0", b"Y: \xff"]),
    "U01": ([b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"], []),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize(("lines", "passed"), FIELDS.values(), ids=FIELDS)
@pytest.mark.attack("S03", "X10", "X12", "X13")
def test_the_app_sees_what_a_client_may_say(
    mesh: Mesh, lines: list[bytes], passed: list[bytes], one_by_one: bool
) -> None:
    """S03, X10, X12, X13: our own fields once, no token, and Host as it came."""
    answers = mesh.ask(request(b"/public", *lines) + LAST, one_by_one=one_by_one)
    assert answers[0].status == 200
    assert mesh.origin.requests[0].fields == [b"Host: a", *passed, *OURS]
    assert mesh.origin.requests[0].method == b"GET"


@pytest.mark.parametrize(
    "host", [b"App.NS.SVC.", b"app:80", b"xn--a", b"169.254.169.254", b"localhost:2019", b"kubernetes.default.svc"]
)
def test_x10_h02_h03_a_host_never_says_where_to_go(mesh: Mesh, host: bytes) -> None:
    """All of them reach the app, and Host as it came."""
    assert seen_by_app(mesh, host=host)[0] == b"Host: " + host


def test_m07_a_get_may_have_a_body(mesh: Mesh) -> None:
    """It is forwarded with the same framing."""
    answers = mesh.ask(request(b"/public", b"Content-Length: 10", body=b"0123456789") + LAST)
    assert [answer.status for answer in answers] == [200, 200]
    assert mesh.origin.requests[0].body == b"0123456789"
    assert mesh.origin.requests[0].value(b"content-length") == b"10"
    assert mesh.origin.targets == [b"/public", b"/public/last"]


def test_h16_what_is_large_and_legal_passes(mesh: Mesh) -> None:
    """A token of 8 KiB is read (and refused for what it is), 500 cookies in a line and 190 fields pass."""
    with mesh.client() as client:
        client.send(request(b"/public", b"Authorization: Bearer " + b"a" * 8192, auth=False))
        assert client.answer().status == 401
    cookies = b"Cookie: " + b"; ".join(b"c%d=%d" % (number, number) for number in range(500))
    assert seen_by_app(mesh, cookies, *[b"X: y"] * 190) == [b"Host: a", cookies, *[b"X: y"] * 190, *OURS]


def test_h17_trailers_are_dropped(mesh: Mesh) -> None:
    """They are no header fields, whatever they are called."""
    body = b"3\r\nabc\r\n0\r\nAuthorization: Bearer X\r\nContent-Length: 9\r\nX-Aegis-Identity: admin\r\n\r\n"
    coding = b"Transfer-Encoding: chunked"
    answers = mesh.ask(request(b"/upload", coding, b"Trailer: Authorization", method=b"POST", body=body) + LAST)
    assert [answer.status for answer in answers] == [200, 200]
    assert mesh.origin.requests[0].fields == [b"Host: a", *OURS, coding]
    assert mesh.origin.requests[0].body == b"abc"
    assert mesh.origin.connections[0].data.count(b"Bearer") == 0


def test_h18_an_app_cannot_speak_for_the_mesh(mesh: Mesh) -> None:
    """Our namespace, and what Connection names, end here."""
    mesh.origin.answer(
        b"HTTP/1.1 200 OK\r\nX-Aegis-Identity: admin\r\nConnection: set-cookie\r\nSet-Cookie: a\r\n"
        b"X-Ok: 1\r\nContent-Length: 0\r\n\r\n"
    )
    (answer,) = mesh.ask(LAST)
    assert answer.head == b"HTTP/1.1 200 OK\r\nX-Ok: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "subject", ["system:serviceaccount:shop:a\r\nX: y", "system:serviceaccount:shop:a,b", "é", "*"]
)
def test_h19_what_is_no_subject_is_nobody(mesh: Mesh, subject: str) -> None:
    """A subject is never written into a field raw: what is none is refused with the token."""
    answers = mesh.ask(
        request(b"/public", b"Authorization: Bearer " + token(sub=subject), b"Connection: close", auth=False)
    )
    assert [answer.status for answer in answers] == [401]
    assert mesh.origin.targets == []
