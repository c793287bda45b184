"""What an identity pool holds."""

from aegis_idp_fakes.aws.pools import IdentityPool
from aegis_idp_fakes.propagation import Propagation


def pool() -> IdentityPool:
    return IdentityPool("eu-west-1:0a", "arn", Propagation())


def test_an_identity_is_found_by_each_of_its_logins() -> None:
    """And by each mark."""
    there = pool()
    one, other = there.make(), there.make()
    one.logins = {"a": "1", "b": "2"}
    other.marks = {"m", "n"}
    assert there.by_login("a", "1") is there.by_login("b", "2") is one
    assert there.by_mark("m") is there.by_mark("n") is other
    assert there.by_login("a", "2") is there.by_mark("x") is None
    assert one.id.startswith("eu-west-1:")


def test_a_new_identity_is_unknown_for_a_while() -> None:
    """To those who look it up."""
    there = pool()
    there.propagation.delay = 1
    one = there.make()
    assert there.known(one.id) is None
    for _ in range(2):
        there.propagation.step()
    assert there.known(one.id) is one
    assert there.known("eu-west-1:none") is None


def test_the_state_leaves_out_what_the_service_chose() -> None:
    """Two pools with the same logins and marks are alike."""
    one, other = pool(), pool()
    assert one.state() == other.state()
    one.make().marks.add("m")
    assert one.state() != other.state()
    other.make().marks.add("m")
    assert one.state() == other.state()
