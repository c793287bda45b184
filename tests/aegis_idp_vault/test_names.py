"""Names of roles: one identity and audience, one name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.names import Subject
from aegis_idp_vault.names import role_name, role_prefix, role_suffix

ENTITY = "0b0ab0a3-3a3b-4f6a-9d3c-6a5e0e6c6a11"
LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SUBJECTS = st.builds(Subject, LABELS, NAMES)
SUFFIX = role_suffix("aegis")


def test_a_name_tells_mount_entity_namespace_and_name() -> None:
    """In this order, so that policies can fence a mount and an entity by their prefix."""
    assert (
        role_name("k8s/Prod", ENTITY, Subject("shop", "orders"), SUFFIX)
        == f"aegis.k8s.prod.{ENTITY}.shop.orders{SUFFIX}"
    )


@given(SUBJECTS, st.text())
def test_names_are_such_that_vault_takes_them(subject: Subject, audience: str) -> None:
    """Letters, digits, dots, dashes and underscores, short enough for a file's name, below the entity's prefix."""
    name = role_name("jwt", ENTITY, subject, role_suffix(audience))
    assert re.fullmatch(r"\w[\w.-]*\w", name, re.ASCII)
    assert len(name) <= 200
    assert name.startswith(role_prefix("jwt", ENTITY))
    assert name == name.lower()


@given(st.tuples(SUBJECTS, st.text()), st.tuples(SUBJECTS, st.text()))
@pytest.mark.attack("J44")
def test_two_identities_or_audiences_are_two_names(one: tuple[Subject, str], other: tuple[Subject, str]) -> None:
    """A name is hashed where it is long, and an audience always: none is taken for another."""
    names = {role_name("jwt", ENTITY, subject, role_suffix(audience)) for subject, audience in (one, other)}
    assert len(names) == len({one, other})


def test_long_names_are_hashed() -> None:
    """Names that differ in their last letter alone stay two."""
    names = [role_name("jwt", ENTITY, Subject("n" * 63, f"{'a' * 63}.{'b' * 63}{last}"), SUFFIX) for last in "xy"]
    assert len(set(names)) == 2
    assert all(len(name) == len(role_prefix("jwt", ENTITY)) + 100 + len(SUFFIX) for name in names)
