from attrs import evolve

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.discovery import aggregated, api_group, api_groups, api_resources, api_versions
from aegis_local.kube.kinds import builtin_kinds
from support.in_memory_kube import widget_crd

WIDGET = kinds_of(widget_crd())[0]
VERSIONS = ("v1alpha1", "v2", "v1", "odd", "v1beta2", "v10")
KINDS = [*builtin_kinds(), *(evolve(WIDGET, version=version) for version in VERSIONS)]


def test_groups_put_the_best_version_first() -> None:
    """Stable before beta before alpha, higher before lower, then other names."""
    group = api_group(KINDS, "example.com")
    assert group is not None
    assert [entry["version"] for entry in group["versions"]] == ["v10", "v2", "v1", "v1beta2", "v1alpha1", "odd"]
    assert group["preferredVersion"]["groupVersion"] == "example.com/v10"
    assert api_group(KINDS, "bogus") is None
    assert api_group(KINDS, "") is None


def test_group_list_leaves_out_the_core() -> None:
    """Which is under /api."""
    names = [group["name"] for group in api_groups(KINDS)["groups"]]
    assert "apps" in names
    assert "" not in names
    assert api_versions("host:1")["serverAddressByClientCIDRs"][0]["serverAddress"] == "host:1"


def test_resources_of_a_version() -> None:
    """Resources with names and verbs, and their subresources."""
    found = api_resources(KINDS, "example.com", "v1")
    assert found is not None
    by_name = {entry["name"]: entry for entry in found["resources"]}
    assert by_name["widgets"]["shortNames"] == ["wd"]
    assert by_name["widgets"]["categories"] == ["all"]
    assert by_name["widgets/scale"] | {"verbs": []} == {
        "name": "widgets/scale",
        "singularName": "",
        "namespaced": True,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": [],
    }
    assert by_name["widgets/status"]["kind"] == "Widget"
    assert api_resources(KINDS, "example.com", "v9") is None


def test_kinds_without_verbs_are_not_discovered() -> None:
    """TokenRequest is a subresource only."""
    found = api_resources(KINDS, "authentication.k8s.io", "v1")
    assert found is not None
    assert "tokenrequests" not in {entry["name"] for entry in found["resources"]}


def test_aggregated_discovery() -> None:
    """All groups in one document; the core group in its own."""
    core, others = aggregated(KINDS, core=True), aggregated(KINDS, core=False)
    assert [item["metadata"] for item in core["items"]] == [{}]
    item = next(item for item in others["items"] if item["metadata"]["name"] == "example.com")
    resource = item["versions"][0]["resources"][0]
    assert (resource["resource"], resource["scope"], resource["responseKind"]["kind"]) == (
        "widgets",
        "Namespaced",
        "Widget",
    )
    assert [sub["subresource"] for sub in resource["subresources"]] == ["scale", "status"]
    configmaps = next(r for r in core["items"][0]["versions"][0]["resources"] if r["resource"] == "configmaps")
    assert "subresources" not in configmaps
