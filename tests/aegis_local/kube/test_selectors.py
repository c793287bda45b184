import pytest

from aegis_local.kube.errors import ApiError
from aegis_local.kube.selectors import field_selector, label_selector, matches_label_selector, named_by

LABELS = {"app": "web", "tier": "front", "n": "5"}
POD = {"metadata": {"name": "x", "namespace": "a", "labels": LABELS}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=web,tier=back", False),
        ("app!=web", False),
        ("missing!=x", True),
        ("app in (web, api)", True),
        ("app in (api)", False),
        ("missing in (x)", False),
        ("app notin (api),tier", True),
        ("app notin (web)", False),
        ("missing notin (x)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("n>4", True),
        ("n<4", False),
        ("app>4", False),
        ("example.com/x=1", False),
        ("app=", False),
    ],
)
def test_label_selectors(text: str, expected: bool) -> None:
    """Equality, set, presence and number requirements, all of which must hold."""
    assert label_selector(text)(POD) is expected


@pytest.mark.parametrize("text", ["=x", "app in web", "a b", "app=web,,"])
def test_bad_label_selectors_are_refused(text: str) -> None:
    """400 with what could not be parsed."""
    with pytest.raises(ApiError, match="unable to parse requirement") as refusal:
        label_selector(text)
    assert refusal.value.code == 400


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_label_selector_objects(selector: object, expected: bool) -> None:
    """A LabelSelector matches everything when empty and nothing when absent."""
    assert matches_label_selector(selector, LABELS) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata.name=x,metadata.namespace==a", True),
        ("metadata.name!=x", False),
        ("status.phase=Running", True),
        ("status.phase!=Running", False),
        ("spec.nodeName=", True),
        ("", True),
    ],
)
def test_field_selectors(text: str, expected: bool) -> None:
    """Names, namespaces and what the kind allows; a missing field is empty."""
    assert field_selector(text, ("", "pods"))(POD) is expected


@pytest.mark.parametrize("text", ["status.phase=x", "bogus=1", "metadata.name"])
def test_fields_that_cannot_be_selected_are_refused(text: str) -> None:
    """A kind allows its own fields only."""
    with pytest.raises(ApiError, match=r"not supported|can't understand"):
        field_selector(text, ("example.com", "widgets"))


def test_a_crd_adds_fields() -> None:
    """selectableFields of a CRD count."""
    assert field_selector("spec.size=1", ("example.com", "widgets"), ("spec.size",))({"spec": {"size": "1"}})


def test_name_of_a_field_selector() -> None:
    """Only an equality pins the name."""
    assert named_by("metadata.name=x") == "x"
    assert named_by("metadata.name!=x,status.phase=y") == ""
