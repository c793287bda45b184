"""Where an outgoing request goes, and whether it gets the pod's token. The leak guard.

No rule, no token: only hosts of `Identity.spec.egress.hosts` ever receive it, in plain text only inside the cluster
or on loopback, and only when host, dialled address and rule agree. Everything else passes as it came.
"""

import ipaddress
import re
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from aegis_api.hosts import normal_host, service_host
from aegis_proxy.core.ingress import framing_of
from aegis_proxy.core.refusals import (
    BAD_FRAMING,
    BAD_HOST,
    FORBIDDEN_DESTINATION,
    NO_EGRESS_TOKEN,
    OWN_CREDENTIALS,
    Refused,
)
from aegis_proxy.core.request import Body, Request, same_authority
from aegis_proxy.core.snapshot import Snapshot


class Destination(NamedTuple):
    """`host` is normal (see aegis_api.hosts) or a literal address; `audience` is empty where no token goes."""

    host: str
    port: int
    audience: str


def destination(request: Request, snapshot: Snapshot, namespace: str, keep_own: bool = False) -> Destination:
    """Decides by the authority of the request, as the app of `namespace` wrote it. Raises Refused.

    An app that sends its own Authorization to a host that gets the mesh's token is refused: one of the two would be
    lost without a word. With `keep_own` its own goes there, and the mesh's does not.
    """
    host, port = _host_and_port(request, namespace)
    if ":" in host:
        return Destination(host, port, "")
    audience = _audience(host, snapshot)
    if audience and request.credentials is not None:
        if keep_own:
            return Destination(host, port, "")
        raise Refused(OWN_CREDENTIALS, f"the app sent its own Authorization to {host}, which gets the mesh's token")
    return Destination(host, port, audience)


# Of how many hosts the destination is known.
_REMEMBERED = 512


class Destinations:
    """`destination`, remembered for each host while one snapshot is in force."""

    def __init__(self, namespace: str, keep_own: bool) -> None:
        self._namespace = namespace
        self._keep_own = keep_own
        self._snapshot: Snapshot | None = None
        self._known: dict[bytes, Destination] = {}

    def find(self, request: Request, snapshot: Snapshot) -> Destination:
        """Raises Refused."""
        if request.credentials is not None:  # which decide, too
            return destination(request, snapshot, self._namespace, self._keep_own)
        if snapshot is not self._snapshot:
            self._snapshot, self._known = snapshot, {}
        known = self._known.get(request.host)
        if known is None:
            known = destination(request, snapshot, self._namespace, self._keep_own)
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[request.host] = known
        return known


def to_connect(request: Request, ports: frozenset[int], namespace: str) -> Destination:
    """Where a CONNECT leads: to one of `ports`, and never with a token. Raises Refused."""
    if request.body is not Body.NONE:
        raise Refused(BAD_FRAMING, "a CONNECT with a body")
    host, port = _host_and_port(request, namespace)
    if port not in ports:
        raise Refused(FORBIDDEN_DESTINATION, f"CONNECT to port {port}, which --egress-connect-ports does not list")
    return Destination(host, port, "")


def _host_and_port(request: Request, namespace: str) -> tuple[str, int]:
    """The authority of a request; an IPv6 address comes without its brackets. Raises Refused."""
    name, colon, port_text = same_authority(request.host).decode("ascii").rpartition(":")
    bracketed = port_text.endswith("]")  # an IPv6 literal without a port
    if not colon or bracketed:
        name, port_text = same_authority(request.host).decode("ascii"), "80"
    port = int(port_text)
    if name.startswith("["):
        return name[1:-1], port
    host = normal_host(name, namespace)
    if host is None:
        raise Refused(BAD_HOST, "a host that is no name and no address")
    return host, port


def _audience(host: str, snapshot: Snapshot) -> str:
    """The audience of the token that `host` receives; empty for none. Raises Refused while nobody can tell."""
    identity = snapshot.identity
    if identity is None and snapshot.no_token:
        raise Refused(NO_EGRESS_TOKEN, snapshot.no_token)
    if identity is None or not identity.may_send_to(host):
        return ""
    if not _may_be_plain(host):
        raise Refused(NO_EGRESS_TOKEN, f"{host} is to get a token, which may not travel there without TLS")
    if snapshot.no_token:
        raise Refused(NO_EGRESS_TOKEN, snapshot.no_token)
    if not snapshot.audience_per_destination:
        return snapshot.audience
    service = service_host(host)
    if service is None:
        raise Refused(NO_EGRESS_TOKEN, f"{host} is no <service>.<namespace>.svc, which a token could be made for")
    return service


def _may_be_plain(host: str) -> bool:
    """Whether a token may travel to this host without TLS: inside the cluster, or on this machine."""
    return host == "localhost" or host.endswith(".svc") or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    """Whether it is such an address, and not a name that begins like one."""
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def head_for_upstream(request: Request, token: bytes) -> bytes:
    """The head that the destination receives. `token` is empty where none is attached."""
    lines = [b"%b %b HTTP/1.1\r\nHost: %b" % (request.method, request.target, request.host), *request.fields]
    if token:
        lines.append(b"Authorization: Bearer " + token)
    elif request.credentials is not None:
        lines.append(b"Authorization: " + request.credentials)
    lines.append(framing_of(request))
    return b"\r\n".join(lines)


# Where clouds answer with credentials of the machine: link-local, and the addresses that lie outside of it.
_METADATA = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::/32"),
    ipaddress.ip_network("100.100.100.200/32"),
)


def forbidden(address: tuple[str, int], own: Container[tuple[str, int]]) -> str:
    """Why no connection is made to this address on the app's behalf; empty if there is no reason.

    `own` are the proxy's listeners: their addresses, and 127.0.0.1 for all of loopback.
    """
    ip, loopback, why = _looked_at(address[0])
    if why:
        return why
    if (ip, address[1]) in own or (loopback and ("127.0.0.1", address[1]) in own):
        return "it is the proxy itself"
    return ""


@lru_cache(maxsize=1024)
def _looked_at(address: str) -> tuple[str, bool, str]:
    """(the address in its one spelling, whether it is loopback, why nobody connects there)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
    why = ""
    if ip.is_unspecified or ip.is_multicast:
        why = f"{ip} is no address of a host"
    elif any(ip in network for network in _METADATA):
        why = f"{ip} is a link-local or metadata address"
    return str(ip), ip.is_loopback, why


def families_in_turn(addresses: Sequence[str]) -> tuple[str, ...]:
    """Each address once: as the system prefers them, but IPv6 and IPv4 in turn, as one of the two may lead nowhere
    (RFC 8305 section 4).
    """
    once = dict.fromkeys(addresses)
    first = [each for each in once if (":" in each) is (":" in addresses[0])]
    others = [each for each in once if each not in first]
    return tuple(each for pair in zip_longest(first, others) for each in pair if each)


_CONNECT_TO = re.compile(r"(\S+):([0-9]{1,5})[ \t]+\[?([0-9A-Fa-f:.]+)\]?:([0-9]{1,5})")


def parse_connect_to(text: str) -> dict[tuple[str, int], tuple[str, int]]:
    """Reads lines `HOST:PORT ADDRESS:PORT`; empty lines and `#` comments are passed over. Raises ValueError."""
    return dict(_connect_to_lines(text))


def _connect_to_lines(text: str) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _CONNECT_TO.fullmatch(line.strip())
        if not match or not all(0 < int(port) < 65536 for port in match.group(2, 4)):
            raise ValueError(f"line {number} is not HOST:PORT ADDRESS:PORT")
        yield (match[1].lower(), int(match[2])), (str(ipaddress.ip_address(match[3])), int(match[4]))
