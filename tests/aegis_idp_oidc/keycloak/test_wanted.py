"""The objects of an Identity at Keycloak, as they should be."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Owner
from aegis_idp_oidc.keycloak.wanted import Wanted, is_as, is_owned, recorded_audiences, scope_name

OWNER = Owner("cluster-1", "uid-1")
WANTED = Wanted("aegis.shop.orders", "kubernetes", Subject("shop", "orders"), OWNER)
AUDIENCES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)


@given(st.sets(AUDIENCES))
def test_the_client_records_its_audiences(audiences: set[str]) -> None:
    """What is written is read back, whatever the audiences, and in the same order each time."""
    client = WANTED.client(audiences)
    assert set(recorded_audiences(client)) == audiences
    assert client == WANTED.client(sorted(audiences, reverse=True))
    assert is_owned(client, OWNER)


@pytest.mark.parametrize("audience", ["", "two words", 'a"b', "a\\b", "wörd", "a\nb"])
def test_audiences_that_no_scope_can_name_are_refused(audience: str) -> None:
    """The text says what to set."""
    with pytest.raises(Misconfigured, match=r"set spec\.audience of the provider"):
        scope_name("aegis.shop.orders", audience)


def test_names_that_keycloak_cannot_hold_are_refused() -> None:
    """At admission, and not by an error of its database; 255 characters fit."""
    assert len(scope_name("c" * 200, "a" * 54)) == 255
    with pytest.raises(Misconfigured, match=r"would have 256 characters, and Keycloak takes 255: use shorter names"):
        scope_name("c" * 200, "a" * 55)
    long = Wanted("c", "kubernetes", Subject("n" * 63, "a" * 253), OWNER)
    assert len(long.client(())["description"]) == 255
    assert len(long.scope("a" * 253)["description"]) == 255


def test_ids_of_scopes_are_known_beforehand_and_are_nobody_elses() -> None:
    """The same for the same Identity and audience, and another for any other."""
    other = Wanted(WANTED.name, WANTED.alias, WANTED.subject, Owner("cluster-1", "uid-2"))
    assert WANTED.scope_id("a") == WANTED.scope(audience="a")["id"]
    assert len({WANTED.scope_id("a"), WANTED.scope_id("b"), other.scope_id("a")}) == 3


@pytest.mark.parametrize("owner", [Owner("cluster-2", "uid-1"), Owner("cluster-1", "uid-2")], ids=str)
def test_a_mark_is_of_cluster_and_identity(owner: Owner) -> None:
    """Neither the same cluster nor the same Identity alone is enough; no attributes are nobody's."""
    assert not is_owned(WANTED.client(()), owner)
    assert not is_owned({}, OWNER)
    assert not is_owned({"attributes": None}, OWNER)


def test_more_than_wanted_is_as_wanted_but_for_mappers() -> None:
    """Keycloak adds ids, times and defaults; a mapper that we did not make puts claims into tokens."""
    scope = WANTED.scope("aegis")
    found: dict[str, Any] = copy.deepcopy(scope)
    found["attributes"]["more"] = "x"
    found["protocolMappers"][0]["id"] = "1"
    found["more"] = True
    assert is_as(found, scope)
    assert not is_as({**found, "protocolMappers": found["protocolMappers"] * 2}, scope)
    assert not is_as({**found, "protocolMappers": None}, scope)
    assert not is_as({**found, "protocolMappers": [{**found["protocolMappers"][0], "config": {}}]}, scope)
    assert not is_as({**found, "attributes": []}, scope)
    client = WANTED.client(())
    assert is_as({key: value for key, value in client.items() if key != "protocolMappers"}, client)
    assert not is_as({**client, "directAccessGrantsEnabled": True}, client)
