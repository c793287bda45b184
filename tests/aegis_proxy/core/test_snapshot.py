import pytest

from aegis_proxy.core.rules import NO_RULES
from aegis_proxy.core.snapshot import NOTHING_KNOWN, Audiences, Snapshot
from support.tokens import authority


def test_at_first_nothing_is_known_and_nothing_passes() -> None:
    """It is closed, and has no rules and no keys."""
    assert NOTHING_KNOWN.closed
    assert NOTHING_KNOWN.rules is NO_RULES
    assert NOTHING_KNOWN.authorities == {}
    assert NOTHING_KNOWN.identity is None
    assert Snapshot(1).rules is NO_RULES


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [("aegis", True), ("Aegis", False), ("aegis ", False), ("", False), ("orders.shop.svc", False)],
)
def test_j28_fixed_audiences_are_compared_as_they_are(audience: str, accepted: bool) -> None:
    """No case, no space, no part is the same."""
    assert Audiences(frozenset({"aegis"})).accept(audience) is accepted


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [
        ("orders.shop.svc", True),
        ("payments.shop.svc", True),
        ("orders.bank.svc", False),
        ("shop.svc", False),
        ("a.orders.shop.svc", False),
        ("orders.shop.svc.cluster.local", False),
        ("orders.shop.svcs", False),
        ("orders.Shop.svc", False),
        ("aegis", True),
    ],
)
def test_j36_a_namespace_admits_its_services(audience: str, accepted: bool) -> None:
    """And nobody else's."""
    assert Audiences(frozenset({"aegis"}), "shop").accept(audience) is accepted


def test_an_authority_does_not_show_its_plugin() -> None:
    """A repr in a log is short."""
    assert "subject" not in repr(authority())
