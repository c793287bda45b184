"""Addresses that no outgoing connection may reach: those of cloud metadata services, which hand out credentials."""

from ipaddress import IPv6Address, ip_address, ip_network

_REFUSED = (
    *map(ip_network, ("169.254.0.0/16", "fe80::/10")),  # link-local: metadata of AWS, Azure, GCP, OpenStack, ECS
    *map(ip_network, ("fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32")),  # AWS by IPv6, Alibaba, Azure
    *map(ip_network, ("0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8")),  # no destination of a connection
)


def is_refused_address(text: str) -> bool:
    """Whether `text` is an IP address (IPv4 within IPv6 as well) that no connection may go to."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    return any(address in network for network in _REFUSED)
