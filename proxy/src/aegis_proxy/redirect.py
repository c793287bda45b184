"""The command `aegis-proxy redirect`: the init container that turns a pod's traffic to its proxy.

It takes numbers and networks only, and starts iptables without a shell.
"""

import argparse
import ipaddress
import subprocess
from collections.abc import Callable
from typing import TypeVar

from aegis_api.reading import shown
from aegis_proxy.core.redirection import Network, Redirection, jumps, rules

T = TypeVar("T")

_TOOLS = {4: "iptables", 6: "ip6tables"}
_PATIENCE = 30


class RedirectError(Exception):
    """The rules could not be set. Its text says which tool said what."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--proxy-uid", type=_number, required=True, help="the user whose traffic is not redirected")
    parser.add_argument("--ingress-port", type=_port, default=0, help="the proxy's port for what comes in")
    parser.add_argument("--inbound-ports", type=_ports, default=(), help="ports to redirect, or all")
    parser.add_argument("--exclude-inbound-ports", type=_ports, default=(), help="ports to leave alone")
    parser.add_argument("--egress-port", type=_port, default=0, help="the proxy's port for what goes out")
    parser.add_argument("--exclude-outbound-ports", type=_ports, default=(), help="ports to leave alone")
    parser.add_argument("--exclude-outbound-cidrs", type=_networks, default=(), help="networks to leave alone")


def read_redirection(arguments: argparse.Namespace) -> Redirection:
    return Redirection(
        proxy_uid=arguments.proxy_uid,
        ingress_port=arguments.ingress_port,
        inbound_ports=arguments.inbound_ports,
        excluded_inbound_ports=arguments.exclude_inbound_ports,
        egress_port=arguments.egress_port,
        excluded_outbound_ports=arguments.exclude_outbound_ports,
        excluded_outbound_networks=arguments.exclude_outbound_cidrs,
    )


Run = Callable[[list[str], str], tuple[int, str]]


def run_tool(command: list[str], given: str) -> tuple[int, str]:
    """Runs a firewall tool with `given` on its standard input; gives its exit code and what it said."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except FileNotFoundError:
        raise RedirectError(f"{command[0]} is not installed in this image") from None
    return done.returncode, (done.stderr or done.stdout).strip()


def redirect(redirection: Redirection, run: Run = run_tool) -> None:
    """Sets the rules for IPv4 and IPv6. Raises RedirectError: the pod shall not start, rather than run unguarded."""
    for version, tool in _TOOLS.items():
        _must(run, [f"{tool}-restore", "--noflush", "--wait=10"], rules(redirection, version))
        for jump in jumps():
            present, _ = run([tool, "--wait=10", "-t", "nat", "-C", *jump], "")
            if present != 0:
                _must(run, [tool, "--wait=10", "-t", "nat", "-A", *jump], "")


def _must(run: Run, command: list[str], given: str) -> None:
    code, said = run(command, given)
    if code != 0:
        raise RedirectError(f"{' '.join(command)} ended with {code}: {said}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise argparse.ArgumentTypeError(f"got {shown(text)}, wanted a number")
    return int(text)


def _port(text: str) -> int:
    port = _number(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"got {shown(text)}, wanted a port from 1 to 65535")
    return port


def _ports(text: str) -> tuple[int, ...]:
    return () if text in ("", "all") else tuple(_port(part) for part in text.split(","))


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {shown(text)}, wanted networks like 10.0.0.0/8: {error}") from None
