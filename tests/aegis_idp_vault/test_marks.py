"""The mark on an alias."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Owner, PodContext
from aegis_idp_vault.marks import MOST_DESTINATIONS, Mark, read_mark, wanted_roles
from aegis_idp_vault.names import role_suffix

OWNER = Owner("a-cluster", "an-identity")


def _pod(*hosts: str, each: bool = True) -> PodContext:
    return PodContext(Subject("shop", "orders"), "aegis", each, tuple(HostPattern(host) for host in hosts))


@given(st.sets(st.text(max_size=40), max_size=60))
def test_a_mark_is_read_as_it_was_written(audiences: set[str]) -> None:
    """Owner and roles; and it fits what Vault takes: 64 keys, values of 512 characters."""
    mark = Mark(OWNER, {role_suffix(audience): audience for audience in audiences})
    written = mark.custom_metadata()
    assert read_mark(written) == mark
    assert read_mark(written).roles == mark.roles  # type: ignore[union-attr]  # it was just compared
    assert len(written) <= 64


def test_a_long_audience_is_cut() -> None:
    """It is there for people; the role is found by the hash of all of it."""
    mark = Mark(OWNER, {role_suffix("a" * 600): "a" * 600})
    assert [len(value) for key, value in mark.custom_metadata().items() if key.startswith("aegis-role")] == [512]


@pytest.mark.parametrize("metadata", [{}, {"team": "shop"}, {"aegis-role_x": "y"}, {"aegis-cluster": 5}])
def test_no_mark(metadata: Mapping[str, object]) -> None:
    """Without an owner it is no mark."""
    assert read_mark(metadata) is None


def test_what_others_put_beside_it_stays() -> None:
    """Their keys are written back with ours."""
    metadata = {"team": "shop", "aegis-cluster": "a-cluster", "aegis-uid": "an-identity", "aegis-role_x": "y"}
    mark = read_mark(metadata)
    assert mark == Mark(OWNER, {"_x": "y"}, {"team": "shop"})
    assert mark.custom_metadata() == metadata


def test_half_a_mark_is_nobody_elses() -> None:
    """It is a mark, and equal to no owner's."""
    assert read_mark({"aegis-cluster": "a-cluster"}) == Mark(Owner("a-cluster", ""), {})


def test_the_providers_audience_is_one_role() -> None:
    """Whatever the hosts."""
    assert wanted_roles(_pod("*.svc", each=False)) == {role_suffix("aegis"): "aegis"}


def test_each_destination_is_a_role() -> None:
    """Services and pods behind them; a host outside has no audience, for no token goes there."""
    roles = wanted_roles(_pod("orders.shop.svc", "db-0.db.shop.svc", "db.shop.svc", "api.example"))
    assert sorted(roles.values()) == ["db.shop.svc", "orders.shop.svc"]


def test_patterns_stand_for_too_many() -> None:
    """Vault must have the roles beforehand."""
    with pytest.raises(Misconfigured, match=r"\*\.billing\.svc stands for many: list the exact hosts"):
        wanted_roles(_pod("orders.shop.svc", "*.billing.svc"))


def test_more_destinations_than_fit_are_refused() -> None:
    """With how many there are and may be."""
    hosts = [f"s{number}.shop.svc" for number in range(MOST_DESTINATIONS + 1)]
    assert len(wanted_roles(_pod(*hosts[1:]))) == MOST_DESTINATIONS
    with pytest.raises(Misconfigured, match=r"61 destinations .* wanted at most 60"):
        wanted_roles(_pod(*hosts))
