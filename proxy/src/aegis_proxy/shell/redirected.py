"""The address that a connection was made to before the pod's iptables rules turned it to the proxy."""

import ipaddress
import socket
import struct

from aegis_proxy.shell.transport import Transport

Address = tuple[str, int]

_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h, and IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv6/ip6_tables.h


def original_destination(transport: Transport) -> Address | None:
    """(IP address, port), or None where the connection was made to the proxy itself, or this is no Linux."""
    handle = transport.getHandle()
    try:
        if handle.family == socket.AF_INET6:
            raw = handle.getsockopt(socket.IPPROTO_IPV6, _SO_ORIGINAL_DST, 28)
            _, port, _, packed = struct.unpack("!HHI16s4x", raw)
        else:
            raw = handle.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
            _, port, packed = struct.unpack("!HH4s8x", raw)
    except (OSError, AttributeError):  # no redirection, or a system without it
        return None
    address = str(ipaddress.ip_address(packed))
    return None if (address, port) == handle.getsockname()[:2] else (address, port)
