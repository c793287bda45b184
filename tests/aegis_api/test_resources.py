"""The four kinds behind one door."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis_api.reading import Node, ParseError
from aegis_api.resources import API_VERSION, KINDS, parse_resource
from support.resource_documents import documents

GOOD: dict[str, dict[str, Any]] = {
    "IdentityProvider": {"type": "kubernetes", "audience": "aegis"},
    "ClusterIdentityProvider": {"type": "kubernetes", "audience": "aegis"},
    "Identity": {"provider": "local"},
    "IngressPolicy": {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_its_own_type(kind: str) -> None:
    """apiVersion and kind lead to the type of that name; the namespace of a file stands in."""
    document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "a"}, "spec": GOOD[kind]}
    resource = parse_resource(document, "shop")
    assert type(resource).__name__ == kind
    assert resource.metadata.namespace == ("shop" if KINDS[kind].namespaced else "")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (None, "the document: got null, wanted an object"),
        ({}, "the document: got no apiVersion"),
        ({"apiVersion": "v1", "kind": "Pod"}, f'apiVersion: got "v1", wanted {API_VERSION}'),
        ({"apiVersion": API_VERSION, "kind": "Pod"}, 'kind: got "Pod", wanted IdentityProvider or'),
        ({"apiVersion": API_VERSION, "kind": "Identity"}, "the document: got no metadata"),
    ],
)
def test_foreign_documents_are_refused(document: object, text: str) -> None:
    """What is none of our kinds is refused at the field that says so."""
    with pytest.raises(ParseError) as error:
        parse_resource(document)
    assert text in str(error.value)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)


@given(data=st.data(), kind=st.sampled_from(list(KINDS)))
@settings(max_examples=300)
def test_anything_is_read_or_refused(data: st.DataObject, kind: str) -> None:
    """Whatever stands in an object, it is read or refused with a ParseError, and never anything else."""
    document = data.draw(documents(kind))
    if data.draw(st.booleans()):
        document[data.draw(st.sampled_from(["metadata", "spec", "extra"]))] = data.draw(_JSON)
    try:
        resource = parse_resource(document)
    except ParseError as error:
        assert ": got " in str(error)  # noqa: PT017  # a refusal is one of two good outcomes here
    else:
        assert type(resource).__name__ == kind
        assert resource == KINDS[kind].read(Node(document), "")
