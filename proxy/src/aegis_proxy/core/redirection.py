"""The firewall rules that turn a pod's traffic to its proxy, as text for iptables-restore and ip6tables-restore.

Only chains of our own are written, and each run writes them whole: running twice has the result of running once.
"""

import ipaddress
from collections.abc import Iterator

from attrs import frozen

INBOUND_CHAIN = "AEGIS_INBOUND"
OUTBOUND_CHAIN = "AEGIS_OUTBOUND"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# iptables takes at most this many ports in one multiport match.
_PORTS_PER_MATCH = 15


@frozen
class Redirection:
    """`ingress_port` or `egress_port` 0: that direction is left alone. `inbound_ports` empty: all of them."""

    proxy_uid: int
    ingress_port: int = 0
    inbound_ports: tuple[int, ...] = ()
    excluded_inbound_ports: tuple[int, ...] = ()
    egress_port: int = 0
    excluded_outbound_ports: tuple[int, ...] = ()
    excluded_outbound_networks: tuple[Network, ...] = ()


def rules(redirection: Redirection, version: int) -> str:
    """The nat table's part for IP `version` 4 or 6, as `iptables-restore --noflush` reads it.

    Declaring a chain empties it, and creates it where it is missing.
    """
    lines = ["*nat", f":{INBOUND_CHAIN} - [0:0]", f":{OUTBOUND_CHAIN} - [0:0]"]
    lines += _inbound(redirection) if redirection.ingress_port else ()
    lines += _outbound(redirection, version) if redirection.egress_port else ()
    return "\n".join([*lines, "COMMIT", ""])


def jumps() -> tuple[tuple[str, ...], ...]:
    """The rules (without -A or -C) that lead from the kernel's chains to ours."""
    return (
        ("PREROUTING", "-p", "tcp", "-j", INBOUND_CHAIN),
        ("OUTPUT", "-p", "tcp", "-j", OUTBOUND_CHAIN),
    )


def _inbound(redirection: Redirection) -> Iterator[str]:
    for ports in _grouped(redirection.excluded_inbound_ports):
        yield f"-A {INBOUND_CHAIN} -p tcp -m multiport --dports {ports} -j RETURN"
    to_proxy = f"-j REDIRECT --to-ports {redirection.ingress_port}"
    for ports in _grouped(redirection.inbound_ports):
        yield f"-A {INBOUND_CHAIN} -p tcp -m multiport --dports {ports} {to_proxy}"
    if not redirection.inbound_ports:
        yield f"-A {INBOUND_CHAIN} -p tcp {to_proxy}"


def _outbound(redirection: Redirection, version: int) -> Iterator[str]:
    """What the proxy itself sends goes out untouched, and so does what stays inside the pod."""
    yield f"-A {OUTBOUND_CHAIN} -m owner --uid-owner {redirection.proxy_uid} -j RETURN"
    yield f"-A {OUTBOUND_CHAIN} -o lo -j RETURN"
    yield f"-A {OUTBOUND_CHAIN} -d {'127.0.0.0/8' if version == 4 else '::1/128'} -j RETURN"
    for ports in _grouped(redirection.excluded_outbound_ports):
        yield f"-A {OUTBOUND_CHAIN} -p tcp -m multiport --dports {ports} -j RETURN"
    for network in redirection.excluded_outbound_networks:
        if network.version == version:
            yield f"-A {OUTBOUND_CHAIN} -d {network} -j RETURN"
    yield f"-A {OUTBOUND_CHAIN} -p tcp -j REDIRECT --to-ports {redirection.egress_port}"


def _grouped(ports: tuple[int, ...]) -> Iterator[str]:
    for start in range(0, len(ports), _PORTS_PER_MATCH):
        yield ",".join(str(port) for port in ports[start : start + _PORTS_PER_MATCH])
