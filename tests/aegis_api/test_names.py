"""Names and subjects."""

import pytest

from aegis_api.names import Subject, is_label, is_subdomain, namespace_name, object_name
from aegis_api.reading import Node, ParseError


@pytest.mark.parametrize(
    ("text", "label", "subdomain"),
    [
        ("a", True, True),
        ("a-b", True, True),
        ("a.b", False, True),
        ("a" * 63, True, True),
        ("a" * 64, False, True),
        ("a" * 253, False, True),
        ("a" * 254, False, False),
        ("-a", False, False),
        ("a-", False, False),
        ("a..b", False, False),
        ("A", False, False),
        ("a\n", False, False),
        ("", False, False),
        ("²", False, False),
    ],
)
def test_names_are_those_of_kubernetes(text: str, label: bool, subdomain: bool) -> None:
    """Namespaces are DNS labels, other names are DNS subdomains (RFC 1123)."""
    assert (is_label(text), is_subdomain(text)) == (label, subdomain)
    for read, good in ((namespace_name, label), (object_name, subdomain)):
        if good:
            assert read(Node(text)) == text
        else:
            with pytest.raises(ParseError):
                read(Node(text))


def test_a_subject_survives_its_text() -> None:
    """The text of a subject is the one Kubernetes uses for ServiceAccounts."""
    subject = Subject("shop", "orders.v1")
    assert str(subject) == "system:serviceaccount:shop:orders.v1"
    assert Subject.parse(str(subject)) == subject


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop:orders",
        "system:serviceaccount:shop",
        "system:serviceaccount:Shop:a",
        "system:serviceaccount:shop:",
        "system:serviceaccount:a:b:c",
        "system:node:a",
        " system:serviceaccount:a:b",
    ],
)
def test_what_is_no_subject(text: str) -> None:
    """A subject has exactly one spelling."""
    with pytest.raises(ParseError, match="wanted system:serviceaccount:NAMESPACE:NAME"):
        Subject.parse(text)


@pytest.mark.parametrize(("namespace", "name"), [("Shop", "a"), ("shop", "A"), ("a.b", "c"), ("", "")])
def test_a_wrong_subject_cannot_be_made(namespace: str, name: str) -> None:
    """A Subject that exists has good names."""
    with pytest.raises(ParseError):
        Subject(namespace, name)
