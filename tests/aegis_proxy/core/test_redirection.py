"""The firewall rules as text."""

import ipaddress

from aegis_proxy.core.redirection import Redirection, jumps, rules


def test_a_pod_with_both_directions() -> None:
    """Named ports are turned to the proxy; what the proxy, loopback and exclusions send goes out untouched."""
    redirection = Redirection(
        proxy_uid=1137,
        ingress_port=3127,
        inbound_ports=(8080, 9090),
        egress_port=3128,
        excluded_outbound_ports=(5432,),
        excluded_outbound_networks=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")),
    )
    assert rules(redirection, 4).splitlines() == [
        "*nat",
        ":AEGIS_INBOUND - [0:0]",
        ":AEGIS_OUTBOUND - [0:0]",
        "-A AEGIS_INBOUND -p tcp -m multiport --dports 8080,9090 -j REDIRECT --to-ports 3127",
        "-A AEGIS_OUTBOUND -m owner --uid-owner 1137 -j RETURN",
        "-A AEGIS_OUTBOUND -o lo -j RETURN",
        "-A AEGIS_OUTBOUND -d 127.0.0.0/8 -j RETURN",
        "-A AEGIS_OUTBOUND -p tcp -m multiport --dports 5432 -j RETURN",
        "-A AEGIS_OUTBOUND -d 10.0.0.0/8 -j RETURN",
        "-A AEGIS_OUTBOUND -p tcp -j REDIRECT --to-ports 3128",
        "COMMIT",
    ]


def test_ipv6_has_its_own_addresses() -> None:
    """IPv6 traffic is redirected too: it must not be the way around the proxy."""
    redirection = Redirection(
        proxy_uid=1137, egress_port=3128, excluded_outbound_networks=(ipaddress.ip_network("fd00::/8"),)
    )
    text = rules(redirection, 6)
    assert "-d ::1/128 -j RETURN" in text
    assert "-d fd00::/8 -j RETURN" in text
    assert "127.0.0.0" not in text


def test_all_ports_but_some() -> None:
    """Without a list every port is turned to the proxy, but those that are excluded."""
    lines = rules(Redirection(proxy_uid=1, ingress_port=3127, excluded_inbound_ports=(22,)), 4).splitlines()
    assert lines[3:5] == [
        "-A AEGIS_INBOUND -p tcp -m multiport --dports 22 -j RETURN",
        "-A AEGIS_INBOUND -p tcp -j REDIRECT --to-ports 3127",
    ]


def test_many_ports_are_split() -> None:
    """iptables takes fifteen ports in one match, so more make more rules."""
    text = rules(Redirection(proxy_uid=1, ingress_port=3127, inbound_ports=tuple(range(8000, 8020))), 4)
    assert text.count("--dports") == 2
    assert "8014 -j" in text
    assert "--dports 8015," in text


def test_no_direction_leaves_the_chains_empty() -> None:
    """Chains of a former run are emptied."""
    assert rules(Redirection(proxy_uid=1), 4) == "*nat\n:AEGIS_INBOUND - [0:0]\n:AEGIS_OUTBOUND - [0:0]\nCOMMIT\n"


def test_jumps_lead_to_our_chains() -> None:
    """TCP that comes in and TCP that the pod makes pass our chains."""
    assert [jump[0] for jump in jumps()] == ["PREROUTING", "OUTPUT"]
