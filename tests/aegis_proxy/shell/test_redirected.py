import socket
import struct
from typing import Any

import pytest

from aegis_proxy.shell.redirected import original_destination


class Handle:
    """A socket that the kernel answers for."""

    def __init__(self, family: int, answer: bytes | None, own: tuple[Any, ...] = ("10.0.0.1", 3127)) -> None:
        self.family = family
        self._answer = answer
        self._own = own

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert option == 80
        assert level == (socket.IPPROTO_IPV6 if self.family == socket.AF_INET6 else socket.SOL_IP)
        if self._answer is None:
            raise OSError(92, "Protocol not available")
        assert len(self._answer) == size
        return self._answer

    def getsockname(self) -> tuple[Any, ...]:
        return self._own


class Transport:
    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def getHandle(self) -> Any:
        return self._handle


V4 = struct.pack("!HH4s8x", socket.AF_INET, 8080, socket.inet_aton("10.0.0.1"))
V6 = struct.pack("!HHI16s4x", socket.AF_INET6, 8080, 0, socket.inet_pton(socket.AF_INET6, "2001:db8::1"))


@pytest.mark.parametrize(
    ("handle", "found"),
    [
        (Handle(socket.AF_INET, V4), ("10.0.0.1", 8080)),
        (Handle(socket.AF_INET6, V6, ("2001:db8::1", 3127, 0, 0)), ("2001:db8::1", 8080)),
        (Handle(socket.AF_INET, None), None),
        (Handle(socket.AF_INET, V4, ("10.0.0.1", 8080)), None),
        (Handle(socket.AF_INET6, V6, ("2001:db8::1", 8080, 0, 0)), None),
    ],
)
def test_the_kernel_knows_where_a_connection_was_bound(handle: Handle, found: tuple[str, int] | None) -> None:
    """None where it was made to the proxy itself, or the kernel does not say."""
    transport: Any = Transport(handle)
    assert original_destination(transport) == found


def test_a_plain_connection_was_not_redirected() -> None:
    """On a real socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            transport: Any = Transport(accepted)
            assert original_destination(transport) is None
