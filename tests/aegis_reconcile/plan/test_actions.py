"""Actions are values: two that mean the same are equal."""

from aegis_reconcile.objects import IDENTITY, Key
from aegis_reconcile.plan.actions import Delete, WriteStatus


def test_actions_compare_by_what_they_do() -> None:
    """A test, and a reader, can tell a plan from another."""
    key = Key(IDENTITY, "shop", "cart")
    assert WriteStatus(key, "1", {"a": 1}) == WriteStatus(key, "1", {"a": 1})
    assert WriteStatus(key, "1", {"a": 1}) != WriteStatus(key, "2", {"a": 1})
    assert Delete(key, "u") != Delete(key, "v")
