import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core import fields as field
from aegis_proxy.core.fields import egress_role, ingress_role, lines_of, names_in, without

READ = {
    b"Host": field.HOST,
    b"content-length": field.CONTENT_LENGTH,
    b"TRANSFER-ENCODING": field.TRANSFER_ENCODING,
    b"Connection": field.CONNECTION,
    b"authorization": field.AUTHORIZATION,
    b"Expect": field.EXPECT,
    b"TE": field.TE,
    b"upgrade": field.UPGRADE,
}
FORWARDED = [
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"X-Forwarded-Client-Cert",
    b"X-Client-Cert",
    b"Forwarded",
    b"X-Real-IP",
    b"X-Original-URL",
    b"X-Rewrite-URL",
    b"x-envoy-original-path",
    b"X-Forwarded-Prefix",
    b"X_Forwarded_For",
    b"X-HTTP-Method-Override",
    b"X-HTTP-Method",
    b"X-Method-Override",
]


@pytest.mark.parametrize(("name", "role"), READ.items())
def test_what_decides_is_read_in_any_spelling(name: bytes, role: int) -> None:
    """Field names have no case (RFC 9110 section 5.1)."""
    for spelled in (name, name.lower(), name.upper(), name.title()):
        assert egress_role(spelled) == ingress_role(spelled) == role


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=f"H11-{name.decode()}")
        for name in (
            b"Content_Length",
            b"content--length",
            b"Transfer_Encoding",
            b"Transfer---Encoding",
            b"transfer-_encoding",
        )
    ],
)
def test_names_that_a_server_could_take_for_framing_are_lookalikes(name: bytes) -> None:
    """Folding `_` and runs of `-` leads to a name that decides framing or identity."""
    assert egress_role(name) == ingress_role(name) == field.LOOKALIKE


@pytest.mark.parametrize(
    "name", [b"X-Aegis-Identity", b"x-aegis-", b"X_Aegis_Identity", b"X-Aegis_Identity", b"X--Aegis-Identity"]
)
def test_h09_our_own_names_never_pass(name: bytes) -> None:
    """Neither direction takes them from anyone, in any form that folds to one."""
    assert egress_role(name) == ingress_role(name) == field.DROP


@pytest.mark.parametrize("name", FORWARDED)
def test_h10_what_speaks_of_other_hops_passes_only_on_the_way_out(name: bytes) -> None:
    """A client's word for where it comes from is not taken; the app's own passes."""
    assert ingress_role(name) == field.DROP
    assert egress_role(name) == field.PASS


@pytest.mark.parametrize(
    "name",
    [b"Keep-Alive", b"Proxy-Connection", b"Proxy-Authorization", b"Proxy-Authenticate", b"Trailer", b"HTTP2-Settings"],
)
def test_h08_hop_by_hop_fields_end_here(name: bytes) -> None:
    """They speak of one connection (RFC 9110 section 7.6.1)."""
    assert egress_role(name) == ingress_role(name) == field.DROP


@pytest.mark.parametrize(
    "name", [b"", b"Bad Header", b"X\x00", b"\xefoo", b"X\x85", b"Host ", b" Host", b"X\t", b"X\r", b"(x)", b"a/b"]
)
def test_h12_a_name_that_is_no_token_is_bad(name: bytes) -> None:
    """RFC 9110 section 5.6.2."""
    assert egress_role(name) == ingress_role(name) == field.BAD


@pytest.mark.parametrize("name", [b"Accept", b"x_request_id", b"Cookie", b"x", b"X-Aegisx", b"Authorizations", b"1"])
def test_all_other_names_pass(name: bytes) -> None:
    """Underscores, too, where they fold to nothing that counts."""
    assert egress_role(name) == ingress_role(name) == field.PASS


@given(st.binary(max_size=12))
def test_a_name_passes_only_if_it_is_a_token(name: bytes) -> None:
    """Whatever the bytes are, what is no token is never passed on nor dropped."""
    is_token = re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) is not None
    assert (egress_role(name) == field.BAD) is not is_token


@given(st.binary(max_size=40) | st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b"\t", b"\x7f"])).map(b"".join))
def test_lines_end_with_crlf_or_there_are_none(block: bytes) -> None:
    """What comes back joins to what went in, and no line holds a control byte but HTAB."""
    lines = lines_of(block)
    controls = re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", block.replace(b"\r\n", b""))
    assert (lines is None) is (controls is not None)
    assert lines is None or b"\r\n".join(lines) == block


@pytest.mark.parametrize(
    ("value", "names"),
    [(b"close", {b"close"}), (b"close, X", {b"close", b"x"}), (b"", {b""}), (b" ,\tTe ,x", {b"", b"te", b"x"})],
)
def test_options_of_connection_are_a_list(value: bytes, names: set[bytes]) -> None:
    """In lower case, without the space around them."""
    assert names_in(value) == names


def test_h07_connection_removes_what_it_names() -> None:
    """Whatever the case of the name; what it does not name stays, as it came."""
    lines = [b"X-A: 1", b"x-b:2", b"Cookie: c"]
    assert without(lines, frozenset({b"x-a", b"cookie"})) == [b"x-b:2"]
    assert without(lines, frozenset({b"close"})) is lines


@pytest.mark.parametrize("name", [b"host", b"authorization", b"content-length", b"transfer-encoding"])
def test_h07_connection_cannot_remove_what_is_ours_to_judge(name: bytes) -> None:
    """Else a client could strip what was checked before it arrives."""
    assert without([name + b": x"], frozenset({name})) == [name + b": x"]
