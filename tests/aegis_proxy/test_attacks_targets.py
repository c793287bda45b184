"""Section 2.1 of the attack catalogue, on real sockets: which target is judged, and which one the app gets."""

import pytest

from support.mesh import CANARY, LAST, Mesh, request

FED = [pytest.param(False, id="whole"), pytest.param(True, id="one-by-one")]

# target -> the status, or the target that the app gets.
TARGETS: dict[str, tuple[bytes, int | bytes]] = {
    "P01": (b"/public", b"/public"),
    "P02": (b"/public/", b"/public/"),
    "P02-query": (b"/public/x?y", b"/public/x?y"),
    "P03": (b"/publicity", 403),
    "P04": (b"/public/../admin", 403),
    "P05": (b"/public/%2e%2e/admin", 403),
    "P05-mixed": (b"/%2E./admin", 403),
    "P06": (b"/public/.%2e/%2e/../admin", 403),
    "P07": (b"//admin", 400),
    "P07-inner": (b"/public//../admin", 400),
    "P08": (b"///public", 400),
    "P09": (b"/public/..%2fadmin", 400),
    "P09-first": (b"/public%2f..%2fadmin", 400),
    "P10": (b"/public/..%5cadmin", 400),
    "P10-raw": (b"/public\\..\\admin", 400),
    "P11": (b"/%61dmin", 403),
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
    "P17-only-star": (b"/*", 403),
    "P17-braces": (b"/p{ublic}", 403),
    "P18": (b"/" + b"a" * 20_000, 414),
    "P20": (b"/admin/../public", b"/public"),
    "P21": (b"/public%2e%2e/admin", 403),
    "P22": (b"/public/..;/admin", 400),
    "P23": (b"/public;/../admin", 403),
    "P23-empty": (b"/;/admin", 400),
    "P23-parameter": (b"/admin;a=b", 403),
    "P24": (b"/public/x;jsessionid=1", b"/public/x;jsessionid=1"),
    "P25": (b"/PUBLIC", 403),
    "P26": (b"/public#/../admin", 400),
    "P26-admin": (b"/admin#x", 400),
    "P26-app": (b"/app#foo", 400),
    "P27": (b"/public?/../admin", b"/public?/../admin"),
    "P27-fragment": (b"/public?x=#y", 400),
    "P28": (b"/public%3f/../admin", 403),
    "P29": (b"/%c0%ae%c0%ae/admin", 400),
    "P29-slash": (b"/%c0%af", 400),
    "P30": (b"/%ef%bc%8fadmin", 403),
    "P31-u": (b"/%u002e%u002e/admin", 400),
    "P31-zz": (b"/%zz", 400),
    "P31-end": (b"/%", 400),
    "P31-one": (b"/%4", 400),
    "P32": (b"/0x2e0x2e/admin", 403),
    "P32-three": (b"/.../admin", 403),
    "P32-four": (b"/..../admin", 403),
    "P33": (b"admin", 400),
    "P33-path": (b"admin/a/b", 400),
    "P33-mark": (b"!", 400),
    "P33-authority": (b"haproxy.org:80", 400),
    "P34": (b"http://a/admin", 403),
    "P34-allowed": (b"http://a/public?q", b"/public?q"),
    "P35": (b"http://b/public", 400),
    "P36": (b"http://u:p@a/public", 400),
    "P37": (b"https://a/public", 400),
    "P37-ftp": (b"ftp://a/", 400),
    "P37-file": (b"file:///etc/passwd", 400),
    "P38-GET": (b"*", 400),
    "P39": (b"/public/%2E%2E%2Fadmin;/", 400),
    "P43": (b"/pub.ic", 403),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize(("target", "expected"), TARGETS.values(), ids=TARGETS)
def test_one_reading_of_a_target_or_a_refusal(
    mesh: Mesh, target: bytes, expected: int | bytes, one_by_one: bool
) -> None:
    """O1-O5: the app sees what was judged, byte for byte, or nothing; after a 400 nothing more is read.

    Where the catalogue allows 400 or 403, it is what the canonical form gives.
    """
    _check(mesh, target, expected, one_by_one=one_by_one)


@pytest.mark.parametrize(("target", "expected"), TARGETS.values(), ids=TARGETS)
def test_a_rule_for_encoded_slashes_opens_nothing_else(
    mesh_opted_in: Mesh, target: bytes, expected: int | bytes
) -> None:
    """Every other target has the answer that it has without such a rule."""
    _check(mesh_opted_in, target, expected)


OPTED_IN: dict[str, tuple[bytes, int | bytes]] = {
    "P09-name": (b"/raw/group%2fproject", b"/raw/group%2Fproject"),
    "P09-query": (b"/raw/a%2Fb?c=%2f", b"/raw/a%2Fb?c=%2f"),
    "P09-in-the-rule": (b"/exact%2fname", b"/exact%2Fname"),
    "P09-decoded": (b"/exact/name", 403),
    "P09-other-rule": (b"/public/a%2fb", 403),
    "P09-prefix": (b"/raw%2fa", 403),
    "P09-dots": (b"/raw/..%2fadmin", 400),
    "P09-dots-last": (b"/raw/a%2f..", 400),
    "P09-dots-elsewhere": (b"/raw/a%2fb/../c", 400),
    "P09-empty": (b"/raw/%2fadmin", 400),
    "P10": (b"/raw/a%5cb", 400),
    "P22": (b"/raw/..;%2fadmin", 400),
    "P12": (b"/raw/a%252fb", 400),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize(("target", "expected"), OPTED_IN.values(), ids=OPTED_IN)
def test_an_encoded_slash_is_sent_on_encoded_or_refused(
    mesh_opted_in: Mesh, target: bytes, expected: int | bytes, one_by_one: bool
) -> None:
    """O1-O5 as above."""
    _check(mesh_opted_in, target, expected, one_by_one=one_by_one)


@pytest.mark.parametrize("auth", [True, False], ids=["token", "no-token"])
def test_p09_without_such_a_rule_all_encoded_slashes_are_refused(mesh: Mesh, auth: bool) -> None:
    """400 for everybody: the answer tells nothing about who asks."""
    for target in (b"/raw/a%2fb", b"/public/a%2Fb", b"/healthz%2f"):
        answers = mesh.ask(request(target, auth=auth) + CANARY + LAST)
        assert [answer.status for answer in answers] == [400]
    assert mesh.origin.targets == []


def _check(mesh: Mesh, target: bytes, expected: int | bytes, *, one_by_one: bool = False) -> None:
    answers = mesh.ask(request(target) + CANARY + LAST, one_by_one=one_by_one)
    if expected in (400, 414):
        assert [answer.status for answer in answers] == [expected]
        assert answers[0].value(b"connection") == b"close"
        assert mesh.origin.targets == []
        return
    assert [answer.status for answer in answers] == [expected if isinstance(expected, int) else 200, 200, 200]
    first = [expected] if isinstance(expected, bytes) else []
    assert mesh.origin.targets == [*first, b"/public/canary", b"/public/last"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/" * 10_000, 400),
        (b"/a/.." * 2_700, 403),
        (b"/;" * 5_000, 400),
        (b"/%41" * 4_000, 403),
        (b"/public" + b"/a" * 7_000, 200),
    ],
    ids=["P19-slashes", "P19-dots", "P19-parameters", "P19-escapes", "P19-segments"],
)
def test_hard_paths_are_judged_in_linear_time(mesh: Mesh, target: bytes, status: int) -> None:
    """Fifty of each at most, answered well within the patience of the client."""
    for _ in range(50):
        assert mesh.ask(request(target, b"Connection: close"))[0].status == status


def test_p38_options_of_the_whole_server_needs_its_rule(mesh: Mesh) -> None:
    """`*` reaches the app as it is."""
    assert mesh.ask(request(b"*", b"Connection: close", method=b"OPTIONS"))[0].status == 200
    assert [(seen.method, seen.target) for seen in mesh.origin.requests] == [(b"OPTIONS", b"*")]


def test_p34_an_absolute_target_goes_on_as_origin_form(mesh: Mesh) -> None:
    """Host becomes the URI's authority."""
    assert mesh.ask(request(b"http://A:80/public", b"Connection: close"))[0].status == 200
    (seen,) = mesh.origin.requests
    assert (seen.target, seen.value(b"host")) == (b"/public", b"A:80")
