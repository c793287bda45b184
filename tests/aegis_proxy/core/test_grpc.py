import pytest

from aegis_proxy.core import refusals
from aegis_proxy.core.grpc import is_grpc, is_grpc_section, refusal_fields


@pytest.mark.parametrize(
    ("lines", "grpc"),
    [
        ([b"content-type: application/grpc"], True),
        ([b"x: y", b"Content-Type:application/grpc+proto"], True),
        ([b"content-type: application/grpc; charset=x"], True),
        ([b"content-type: APPLICATION/GRPC "], True),
        ([b"content-type: application/grpc-web"], False),
        ([b"content-type: application/grpcx"], False),
        ([b"content-type: application/json"], False),
        ([b"content-type-x: application/grpc"], False),
        ([], False),
    ],
)
def test_grpc_is_known_by_its_content_type(lines: list[bytes], grpc: bool) -> None:
    """gRPC-Web is plain HTTP."""
    assert is_grpc(lines) is grpc
    pairs = [line.partition(b":") for line in lines]
    assert is_grpc_section([(name.lower(), value.strip(b" ")) for name, _, value in pairs]) is grpc


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (refusals.NO_TOKEN, b"16"),
        (refusals.BAD_TOKEN, b"16"),
        (refusals.NOT_ALLOWED, b"7"),
        (refusals.CLOSED, b"14"),
        (refusals.NO_KEYS, b"14"),
        (refusals.UPSTREAM_UNREACHABLE, b"14"),
        (refusals.UPSTREAM_TIMEOUT, b"4"),
        (refusals.REQUEST_TIMEOUT, b"4"),
        (refusals.HEAD_TOO_LARGE, b"8"),
        (refusals.TARGET_TOO_LONG, b"8"),
        (refusals.BAD_HEADER, b"13"),
        (refusals.CONNECT_REFUSED, b"13"),
    ],
)
def test_u06_each_refusal_has_its_status(refusal: refusals.Refusal, status: bytes) -> None:
    """HTTP's status is 200, and the decision id is all that the message tells beside it."""
    fields = dict(refusal_fields(refusal, "0123abcd"))
    assert fields[b":status"] == b"200"
    assert fields[b"content-type"] == b"application/grpc"
    assert fields[b"grpc-status"] == status
    assert fields[b"grpc-message"].endswith(b"(decision 0123abcd)")
