"""What the demo shows."""

from aegis_local.demo.scenario import GROUPS


def test_every_group_has_a_title_and_checks() -> None:
    """The secrets come last, when all that could leak has been used."""
    assert all(group.title and group.checks for group in GROUPS)
    assert GROUPS[-1].title == "Secrets"
