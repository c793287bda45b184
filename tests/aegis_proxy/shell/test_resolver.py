from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from aegis_proxy.core.refusals import UPSTREAM_UNREACHABLE, Refused
from aegis_proxy.shell.resolver import ConnectTo, Resolver
from support.on_reactor import on_reactor, reactor

NOWHERE = ConnectTo(None)


def test_fixed_addresses_are_read_again_when_they_change(tmp_path: Path) -> None:
    """What is gone, or half written, leaves the last good ones in force."""
    file = tmp_path / "hosts"
    fixed = ConnectTo(file)
    assert fixed.get("a.svc", 80) is None
    file.write_text("a.svc:80 127.0.0.1:8080\n")
    assert fixed.get("a.svc", 80) == ("127.0.0.1", 8080)
    assert fixed.get("a.svc", 81) is None
    file.write_text("a.svc:80 127.0.0.1:80")
    assert fixed.get("a.svc", 80) == ("127.0.0.1", 80)
    file.write_text("a.svc:80 half a li")
    assert fixed.get("a.svc", 80) == ("127.0.0.1", 80)
    file.unlink()
    assert fixed.get("a.svc", 80) == ("127.0.0.1", 80)
    file.write_text("# none\n")
    assert fixed.get("a.svc", 80) is None


def test_without_a_file_nothing_is_fixed_but_literals(tmp_path: Path) -> None:
    """An address needs no look-up."""
    file = tmp_path / "hosts"
    file.write_text("127.0.0.2:80 127.0.0.3:81\n")
    resolver = Resolver(reactor, Clock().seconds, NOWHERE)
    assert resolver.fixed("a.svc", 80) is None
    assert resolver.fixed("127.0.0.1", 80) == ("127.0.0.1", 80)
    assert resolver.fixed("::1", 80) == ("::1", 80)
    assert Resolver(reactor, Clock().seconds, ConnectTo(file)).fixed("127.0.0.2", 80) == ("127.0.0.3", 81)


def test_a_fixed_address_is_known_for_a_tenth_of_a_second(tmp_path: Path) -> None:
    """What the file did not say yet is looked for each time; no more are known than 1,024."""
    file, clock = tmp_path / "hosts", Clock()
    resolver = Resolver(reactor, clock.seconds, ConnectTo(file))
    assert resolver.fixed("a.svc", 80) is None
    file.write_text("a.svc:80 127.0.0.1:8080\n")
    assert resolver.fixed("a.svc", 80) == ("127.0.0.1", 8080)
    file.write_text("a.svc:80 127.0.0.1:808\n")
    assert resolver.fixed("a.svc", 80) == ("127.0.0.1", 8080)
    assert resolver.at_hand("a.svc", 80) is resolver.fixed("a.svc", 80)
    clock.advance(0.1)
    assert resolver.fixed("a.svc", 80) == ("127.0.0.1", 808)
    for port in range(1, 3000):
        assert resolver.fixed("127.0.0.1", port) == ("127.0.0.1", port)
    assert len(resolver._fixed) <= 1024


def test_names_are_looked_up_once_and_remembered_for_a_while() -> None:
    """All who ask meanwhile share the answer."""
    clock = Clock()
    resolver = Resolver(reactor, clock.seconds, NOWHERE)

    async def work() -> None:
        first, second = resolver.addresses("localhost"), resolver.addresses("localhost")
        assert isinstance(first, Deferred)
        assert isinstance(second, Deferred)
        one, other = await gatherResults([first, second])
        assert one is other
        assert set(one) <= {"127.0.0.1", "::1"}
        assert resolver.addresses("localhost") is one
        assert resolver.at_hand("localhost", 80) is one
        clock.advance(6)
        assert resolver.at_hand("localhost", 80) is None
        again = resolver.addresses("localhost")
        assert isinstance(again, Deferred)
        await again

    on_reactor(work())


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 70 + ".invalid"])
def test_a_name_without_address_is_refused(name: str) -> None:
    """RFC 6761 section 6.4: .invalid never has one; a label that is too long has none either."""

    async def work() -> Refused:
        found = Resolver(reactor, Clock().seconds, NOWHERE).addresses(name)
        assert isinstance(found, Deferred)
        try:
            await found
        except Refused as refused:
            return refused
        raise AssertionError("it has an address")

    refused = on_reactor(work())
    assert (refused.refusal, refused.detail) == (UPSTREAM_UNREACHABLE, f"the name {name} has no address")
