from aegis_local.kube.objects import (
    at,
    copied,
    group_version,
    labels_of,
    metadata,
    name_of,
    namespace_of,
    seconds,
    split_group_version,
    timestamp,
)

POD = {"metadata": {"name": "x", "namespace": "a", "labels": {"k": "v"}}, "spec": {"a": [1]}}


def test_parts_of_the_metadata() -> None:
    """Name, namespace and labels, empty where there are none."""
    assert (name_of(POD), namespace_of(POD), labels_of(POD)) == ("x", "a", {"k": "v"})
    assert (name_of({}), namespace_of({}), labels_of({})) == ("", "", {})
    assert metadata({"metadata": 1}) == {}


def test_value_at_a_path() -> None:
    """None where the path leads nowhere."""
    assert at(POD, ("spec", "a")) == [1]
    assert at(POD, ("spec", "a", "b")) is None
    assert at(POD, ("x", "y")) is None


def test_a_copy_shares_nothing() -> None:
    """Changing a copy changes no other."""
    copied(POD)["spec"]["a"].append(2)
    assert POD["spec"] == {"a": [1]}


def test_api_versions() -> None:
    """The core group has no name."""
    assert group_version("", "v1") == "v1"
    assert group_version("apps", "v1") == "apps/v1"
    assert split_group_version("apps/v1") == ("apps", "v1")
    assert split_group_version("v1") == ("", "v1")


def test_times_are_rfc_3339() -> None:
    """Whole seconds in UTC, there and back."""
    assert timestamp(0.9) == "1970-01-01T00:00:00Z"
    assert seconds(timestamp(1_800_000_000)) == 1_800_000_000
