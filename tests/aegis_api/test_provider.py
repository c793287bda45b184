"""Identity providers."""

from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_api.provider import (
    ClusterIdentityProvider,
    ProviderSpec,
    read_cluster_identity_provider,
    read_identity_provider,
)
from aegis_api.reading import Node, ParseError

SPEC = {"type": "hashicorp.vault", "audience": "aegis"}


def cluster(**spec: Any) -> ClusterIdentityProvider:
    return read_cluster_identity_provider(Node({"metadata": {"name": "a"}, "spec": {**SPEC, **spec}}))


def test_a_provider_of_a_namespace() -> None:
    """Settings are kept as they came: the plugin judges them."""
    document = {"metadata": {"name": "a", "namespace": "shop"}, "spec": {**SPEC, "config": {"address": None}}}
    provider = read_identity_provider(Node(document))
    assert provider.spec == ProviderSpec("hashicorp.vault", "aegis", False, {"address": None})


def test_settings_are_not_shown() -> None:
    """What a plugin takes may be nobody else's business, so it is in no repr."""
    assert "vault.example" not in repr(ProviderSpec("a", "b", config={"address": "vault.example"}))


def test_a_provider_of_the_cluster_says_who_may_use_it() -> None:
    """Without a selector no namespace may; an empty one selects all."""
    assert cluster().namespace_selector is None
    selector = cluster(namespaceSelector={}, audiencePerDestination=True).namespace_selector
    assert selector is not None
    assert selector.matches({})


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"type": "Vault"}, 'spec.type: got "Vault", wanted the type of a provider'),
        ({"audience": "a b"}, 'spec.audience: got "a b", wanted an audience'),
        ({"audience": None}, "spec: got no audience"),
        ({"audiencePerDestination": "yes"}, 'spec.audiencePerDestination: got "yes", wanted true or false'),
        ({"config": []}, "spec.config: got an empty list, wanted an object"),
        ({"namespaceselector": {}}, "spec: got the unknown field namespaceselector"),
    ],
)
def test_refusals(spec: dict[str, Any], text: str) -> None:
    """A wrong provider is refused with the path, what came and what was wanted."""
    with pytest.raises(ParseError) as error:
        cluster(**spec)
    assert text in str(error.value)


def test_only_cluster_providers_have_a_selector() -> None:
    """A namespaced provider belongs to its namespace."""
    with pytest.raises(ParseError, match="the unknown field namespaceSelector"):
        read_identity_provider(
            Node({"metadata": {"name": "a", "namespace": "b"}, "spec": {**SPEC, "namespaceSelector": {}}})
        )


def test_the_status_says_whose_tokens_they_are() -> None:
    """At both kinds; the issuer may not be known, and what is odd counts as absent."""
    own = {"metadata": {"name": "a", "namespace": "shop"}, "spec": SPEC}
    said = {"issuer": "https://idp.example"}
    assert read_identity_provider(Node({**own, "status": said})).issuer == "https://idp.example"
    wide = {"metadata": {"name": "a"}, "spec": SPEC, "status": said}
    assert read_cluster_identity_provider(Node(wide)).issuer == "https://idp.example"
    assert read_identity_provider(Node({**own, "status": {"issuer": 5}})).issuer == cluster().issuer == ""


def test_the_status_says_whose_ids_are() -> None:
    """At both kinds; an entry that names no subject counts as absent."""
    said = {"principals": {"id-1": "system:serviceaccount:shop:cart", "id-2": "shop/cart", "id-3": 5}}
    own = read_identity_provider(Node({"metadata": {"name": "a", "namespace": "shop"}, "spec": SPEC, "status": said}))
    wide = read_cluster_identity_provider(Node({"metadata": {"name": "a"}, "spec": SPEC, "status": said}))
    assert own.principals == wide.principals == {"id-1": Subject("shop", "cart")}
    assert cluster().principals == {}
