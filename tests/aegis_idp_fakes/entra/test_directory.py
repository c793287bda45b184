"""What a tenant holds."""

from aegis_idp_fakes.entra import Directory
from aegis_idp_fakes.propagation import Propagation


def test_applications_are_found_by_each_of_their_names() -> None:
    """And those that were just made, only once the whole directory knows them."""
    directory = Directory("t", Propagation())
    made = directory.register(uris=("api://mesh",), unique_name="one")
    assert directory.by_app_id(made.app_id) is made
    assert directory.by_resource("api://mesh") is directory.by_resource(made.app_id) is made
    assert directory.by_unique_name("one") is made
    assert directory.by_unique_name("one", directory.deleted) is None
    directory.propagation.delay = 1
    made.born = directory.propagation.birth()
    assert directory.by_app_id(made.app_id) is None


def test_states_can_be_compared() -> None:
    """Ids that the service chose do not count, everything else does."""
    one, other = (Directory(tenant, Propagation()) for tenant in "ab")
    for directory in (one, other):
        directory.register(unique_name="one")
    assert one.state() == other.state()
    other.deleted.update(other.applications)
    other.applications.clear()
    assert one.state() != other.state()
