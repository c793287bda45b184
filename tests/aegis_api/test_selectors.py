"""Label selectors."""

from typing import Any

import pytest

from aegis_api.reading import Node, ParseError
from aegis_api.selectors import LabelSelector, label_selector


def read(**selector: Any) -> LabelSelector:
    return label_selector(Node(selector, "namespaceSelector"))


def expression(operator: str, *values: str) -> dict[str, Any]:
    return {"key": "team", "operator": operator, **({"values": list(values)} if values else {})}


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({}, {}, True),
        ({"matchLabels": {"team": "a"}}, {"team": "a"}, True),
        ({"matchLabels": {"team": "a"}}, {"team": "b"}, False),
        ({"matchLabels": {"team": "a"}}, {}, False),
        ({"matchExpressions": [expression("In", "a", "b")]}, {"team": "b"}, True),
        ({"matchExpressions": [expression("In", "a", "b")]}, {}, False),
        ({"matchExpressions": [expression("NotIn", "a")]}, {"team": "b"}, True),
        ({"matchExpressions": [expression("NotIn", "a")]}, {}, True),
        ({"matchExpressions": [expression("NotIn", "a")]}, {"team": "a"}, False),
        ({"matchExpressions": [expression("Exists")]}, {"team": "x"}, True),
        ({"matchExpressions": [expression("Exists")]}, {}, False),
        ({"matchExpressions": [expression("DoesNotExist")]}, {}, True),
        ({"matchExpressions": [expression("DoesNotExist")]}, {"team": "x"}, False),
        ({"matchLabels": {"a": "b"}, "matchExpressions": [expression("Exists")]}, {"team": "x"}, False),
    ],
)
def test_selectors_select_as_in_kubernetes(selector: dict[str, Any], labels: dict[str, str], matches: bool) -> None:
    """All requirements must hold; NotIn holds for an absent label."""
    assert read(**selector).matches(labels) == matches


@pytest.mark.parametrize("wrong", [expression("In"), expression("NotIn"), expression("Exists", "a")])
def test_values_go_with_in_and_notin_alone(wrong: dict[str, Any]) -> None:
    """An operator without its values, or with values it does not take, is refused."""
    with pytest.raises(ParseError, match=r"namespaceSelector.matchExpressions\[0\]: .* wanted values for In and NotIn"):
        read(matchExpressions=[wrong])
