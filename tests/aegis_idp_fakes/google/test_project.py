"""What a project holds."""

from aegis_idp_fakes.google import Project
from aegis_idp_fakes.propagation import Propagation


def test_accounts_and_bindings_are_known_after_a_while() -> None:
    """And those of administrators at once."""
    project = Project("p", 1, "https://i", Propagation())
    account = project.register("orders", "s")
    assert account.email == "orders@p.iam.gserviceaccount.com"
    assert project.seen(account.email) is account
    assert project.may_stand_for(project.member("s"), account)
    assert not project.may_stand_for(project.member("t"), account)
    project.propagation.delay = 1
    account.born = account.bound = project.propagation.birth()
    assert project.seen(account.email) is None
    assert not project.may_stand_for(project.member("s"), account)


def test_states_can_be_compared() -> None:
    """Ids that the service chose do not count."""
    one, other = (Project("p", 1, "https://i", Propagation()) for _ in range(2))
    for project in (one, other):
        project.register("orders")
    assert one.state() == other.state()
    other.register("stock")
    assert one.state() != other.state()
