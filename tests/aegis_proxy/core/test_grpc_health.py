import pytest

from aegis_proxy.core.grpc_health import is_serving, request


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("", b""),
        ("shop.Orders", b"\x0a\x0bshop.Orders"),
        ("x" * 127, b"\x0a\x7f" + b"x" * 127),
        ("x" * 256, b"\x0a\x80\x02" + b"x" * 256),
    ],
)
def test_a_request_names_its_service(service: str, message: bytes) -> None:
    """As protobuf writes field 1, behind gRPC's prefix."""
    assert request(service) == b"\0" + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(
    ("body", "serving"),
    [
        (b"\0\0\0\0\2\x08\x01", True),
        (b"\0\0\0\0\2\x08\x02", False),
        (b"\0\0\0\0\0", False),
        (b"\0\0\0\0\2\x08\x01" * 2, False),
        (b"\1\0\0\0\2\x08\x01", False),
        (b"\0\0\0\0\2\x08", False),
        (b"", False),
    ],
)
def test_only_one_answer_says_serving(body: bytes, serving: bool) -> None:
    """NOT_SERVING, UNKNOWN (0 is not written), and whatever is no such message are not."""
    assert is_serving(body) is serving
