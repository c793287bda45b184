"""The path contract."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_api.paths import ENCODED_SLASH, AmbiguousPath, canonical_path, without_parameters


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        pytest.param(path, canonical, id=row)
        for row, path, canonical in [
            ("P01", b"/public", b"/public"),
            ("P02", b"/public/", b"/public/"),
            ("P03", b"/publicity", b"/publicity"),
            ("P04", b"/public/../admin", b"/admin"),
            ("P05", b"/public/%2e%2e/admin", b"/admin"),
            ("P05-mixed", b"/%2E./admin", b"/admin"),
            ("P06", b"/public/.%2e/%2e/../admin", b"/admin"),
            ("P11", b"/%61dmin", b"/admin"),
            ("P17", b"/public/*", b"/public/*"),
            ("P17-braces", b"/p{ublic}", b"/p{ublic}"),
            ("P19-dots", b"/a/.." * 4000, b"/"),
            ("P20", b"/admin/../public", b"/public"),
            ("P21", b"/public%2e%2e/admin", b"/public../admin"),
            ("P23-parameter", b"/public;/../admin", b"/admin"),
            ("P23-named", b"/admin;a=b", b"/admin;a=b"),
            ("P24", b"/public/x;jsessionid=1", b"/public/x;jsessionid=1"),
            ("P25", b"/PUBLIC", b"/PUBLIC"),
            ("P28", b"/public%3f/../admin", b"/admin"),
            ("P28-kept", b"/public%3f", b"/public%3F"),
            ("P30", b"/%ef%bc%8fadmin", b"/%EF%BC%8Fadmin"),
            ("P32", b"/0x2e0x2e/admin", b"/0x2e0x2e/admin"),
            ("P32-three", b"/.../admin", b"/.../admin"),
            ("P32-four", b"/..../admin", b"/..../admin"),
            ("root", b"/", b"/"),
            ("dot", b"/a/./b/.", b"/a/b/"),
            ("above the root", b"/../../a", b"/a"),
            ("only dots", b"/..", b"/"),
            ("percent", b"/100%25", b"/100%25"),
        ]
    ],
)
def test_the_canonical_form(path: bytes, canonical: bytes) -> None:
    """A path with one reading has one form, which is its own canonical form."""
    assert canonical_path(path) == canonical
    assert canonical_path(canonical) == canonical


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=f"{row}-{index}")
        for row, paths in {
            "P07": [b"//admin", b"/public//../admin"],
            "P08": [b"///public"],
            "P09": [b"/public/..%2fadmin", b"/public%2f..%2fadmin"],
            "P10": [b"/public/..%5cadmin", b"/public\\..\\admin"],
            "P12": [b"/public/%252e%252e/admin", b"/%25%34%31"],
            "P13": [b"/public%00.html", b"/admin%00/public"],
            "P14": [b"/public%0d%0aX:1", b"/public%09", b"/%7f"],
            "P15": [b"/public\x7f", b"/\x80", b"/\xb0"],
            "P16": [b"/public x", b"/public\t", b"/public\n"],
            "P19": [b"/" * 10_000, b"/;" * 5000],
            "P22": [b"/public/..;/admin", b"/public/.;a/admin"],
            "P23": [b"/;/admin"],
            "P26": [b"/public#/../admin", b"/admin#x"],
            "P29": [b"/%c0%ae%c0%ae/admin", b"/%c0%af"],
            "P31": [b"/%u002e%u002e/admin", b"/%zz", b"/%", b"/%4"],
            "P33": [b"admin", b"admin/a/b", b"!", b"haproxy.org:80", b""],
            "P37": [b"https://a/public", b"ftp://a/", b"file:///etc/passwd"],
            "P39": [b"/public/%2E%2E%2Fadmin;/"],
        }.items()
        for index, path in enumerate(paths)
    ],
)
def test_what_two_servers_could_read_differently_is_refused(path: bytes) -> None:
    """A path without a single reading has no canonical form."""
    with pytest.raises(AmbiguousPath):
        canonical_path(path)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        (b"/projects/group%2fproject", b"/projects/group%2Fproject"),
        (b"/%61%2Fb%2fc/d", b"/a%2Fb%2Fc/d"),
        (b"/a%2Fb/", b"/a%2Fb/"),
        (b"/a/b%2F", b"/a/b%2F"),
        (b"/a%2F...%2Fb", b"/a%2F...%2Fb"),
        (b"/plain/../path", b"/path"),
    ],
)
def test_an_encoded_slash_stays_encoded_for_those_who_opt_in(path: bytes, canonical: bytes) -> None:
    """It is never decoded; without the opt-in the same path is refused."""
    assert canonical_path(path, encoded_slash=True) == canonical
    assert canonical_path(canonical, encoded_slash=True) == canonical
    if ENCODED_SLASH in canonical:
        with pytest.raises(AmbiguousPath, match="an encoded slash"):
            canonical_path(path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(b"/public/..%2fadmin", id="P09"),
        pytest.param(b"/public%2f..%2fadmin", id="P09-first"),
        pytest.param(b"/public%2f%2e%2e", id="P09-last"),
        pytest.param(b"/public%2f..;x%2fadmin", id="P22"),
        pytest.param(b"/public/..%5cadmin", id="P10"),
        pytest.param(b"/a%2fb%5cc", id="P10-beside"),
        pytest.param(b"/public/%2E%2E%2Fadmin;/", id="P39"),
        pytest.param(b"/a%2fb/../c", id="dots-elsewhere"),
        pytest.param(b"/./a%2fb", id="dot-elsewhere"),
        pytest.param(b"/a%2fb/.", id="dot-at-the-end"),
        pytest.param(b"/a;x%2fb", id="parameter-across"),
        pytest.param(b"/a%2fb;x", id="parameter"),
        pytest.param(b"/%2fadmin", id="empty-first"),
        pytest.param(b"/a%2f/b", id="empty-before"),
        pytest.param(b"/a%2f%2fb", id="empty-between"),
        pytest.param(b"/%2f", id="only"),
        pytest.param(b"//a%2fb", id="P07"),
        pytest.param(b"/a%252fb", id="P12"),
        pytest.param(b"/a%25%32%66b", id="P12-in-pieces"),
    ],
)
def test_an_encoded_slash_is_allowed_only_where_both_readings_are_canonical(path: bytes) -> None:
    """The opt-in opens no way around a prefix: what a decoding server would resolve is refused."""
    with pytest.raises(AmbiguousPath):
        canonical_path(path, encoded_slash=True)


_PIECES = st.sampled_from(
    [b"/", b"a", b".", b"..", b";", b"%2e", b"%2E", b"%25", b"%2f", b"%41", b"%34", b"%c3%a9", b"%3F", b"%", b"2", b"e"]
)


@given(st.one_of(st.binary(max_size=30), st.lists(_PIECES, max_size=14).map(b"".join)).map(lambda tail: b"/" + tail))
@settings(max_examples=1500)
def test_p40_the_canonical_form_is_stable(path: bytes) -> None:
    """Any bytes are refused or have a form that is canonical itself, without dot segments and empty ones."""
    _check_opted_in(path)
    try:
        canonical = canonical_path(path)
    except AmbiguousPath:
        return
    assert canonical_path(canonical) == canonical
    segments = canonical.split(b"/")
    assert segments[0] == b""
    assert b"" not in segments[1:-1]
    assert not {b".", b".."} & set(segments)
    assert canonical_path(path, encoded_slash=True) == canonical


def _check_opted_in(path: bytes) -> None:
    """With the opt-in, the reading of a server that decodes slashes is canonical, too."""
    try:
        canonical = canonical_path(path, encoded_slash=True)
    except AmbiguousPath:
        return
    assert canonical_path(canonical, encoded_slash=True) == canonical
    decoded = canonical.replace(ENCODED_SLASH, b"/")
    assert canonical_path(decoded) == decoded
    assert canonical.count(ENCODED_SLASH) == path.upper().count(ENCODED_SLASH) or b"." in path or b"%2E" in path.upper()


def test_parameters_are_cut_off_each_segment() -> None:
    """Policy sees a path as a server reads it that knows parameters."""
    assert without_parameters(b"/a;x=1/b;y/c") == b"/a/b/c"
    assert without_parameters(b"/plain") == b"/plain"
