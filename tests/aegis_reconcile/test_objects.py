"""Plain JSON is read without surprises, and keys say which object they mean."""

import pytest

from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    Key,
    generation_of,
    items,
    key_of,
    mapping,
    owner_reference,
    part,
    text,
)


def test_key_reads_like_kubectl() -> None:
    """A key's text names kind, namespace and name."""
    assert str(Key(IDENTITY, "shop", "cart")) == "Identity shop/cart"
    assert str(Key(CLUSTER_IDENTITY_PROVIDER, "", "idp")) == "ClusterIdentityProvider idp"


@pytest.mark.parametrize("odd", [None, 1, "text", [], {"a": None}, {"a": 1}, {"a": []}])
def test_odd_json_reads_as_nothing(odd: object) -> None:
    """Whatever is not of the wanted type counts as absent."""
    assert part(odd, "a", "b") is None
    assert mapping(odd, "a", "b") == {}
    assert items(odd, "a", "b") == []
    assert text(odd, "a", "b") == ""


def test_generation_counts_only_as_a_number() -> None:
    """Kinds without a generation have 0."""
    assert generation_of({"metadata": {"generation": 3}}) == 3
    assert generation_of({"metadata": {"generation": True}}) == 0
    assert generation_of({"metadata": {}}) == 0


def test_owner_reference_names_the_very_object() -> None:
    """An owner is named by its uid, so that a later object of the same name is not meant."""
    document = {"metadata": {"name": "cart", "namespace": "shop", "uid": "u1"}}
    assert key_of(IDENTITY, document) == Key(IDENTITY, "shop", "cart")
    assert owner_reference(IDENTITY, document) == {
        "apiVersion": "aegis.aegisproxy.io/v1",
        "kind": "Identity",
        "name": "cart",
        "uid": "u1",
    }
