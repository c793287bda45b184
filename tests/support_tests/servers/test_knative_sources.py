"""Playing Knative's source controllers: what they would render from a manifest."""

import json
from typing import Any

import pytest

from servers.knative_sources import adapter_environment, label_selector, plural_of, source_config


def source(**spec: Any) -> dict[str, Any]:
    """An ApiServerSource in namespace `shop`."""
    resources = [{"apiVersion": "aegis.aegisproxy.io/v1", "kind": "Identity"}]
    return {"metadata": {"name": "src", "namespace": "shop"}, "spec": {"resources": resources} | spec}


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Identity", "identities"),
        ("IngressPolicy", "ingresspolicies"),
        ("ClusterIdentityProvider", "clusteridentityproviders"),
        ("Ingress", "ingresses"),
        ("Endpoints", "endpoints"),
    ],
)
def test_plurals_are_guessed_as_knative_does(kind: str, plural: str) -> None:
    """The resource name comes from the kind alone."""
    assert plural_of(kind) == plural


def test_source_without_selector_watches_its_own_namespace() -> None:
    """Mode and namespace take their defaults; groups and versions are apart."""
    assert source_config(source()) == {
        "namespaces": ["shop"],
        "allNamespaces": False,
        "resources": [{"gvr": {"Group": "aegis.aegisproxy.io", "Version": "v1", "Resource": "identities"}}],
        "mode": "Reference",
    }


def test_empty_selector_means_all_namespaces() -> None:
    """`{}` is one watch per kind for the whole cluster."""
    config = source_config(source(namespaceSelector={}), ["b", "a"])
    assert config["allNamespaces"] is True
    assert config["namespaces"] == ["a", "b"]


def test_selected_namespaces_are_watched_one_by_one() -> None:
    """A selector with labels watches the namespaces that matched."""
    config = source_config(source(namespaceSelector={"matchLabels": {"mesh": "on"}}), ["b", "a"])
    assert config["allNamespaces"] is False
    assert config["namespaces"] == ["a", "b"]


def test_selector_owner_mode_and_core_group_are_passed_on() -> None:
    """Everything of the spec that the adapter reads is in its configuration."""
    config = source_config(
        source(
            mode="Resource",
            owner={"apiVersion": "v1", "kind": "Pod"},
            resources=[{"apiVersion": "v1", "kind": "Pod", "selector": {"matchLabels": {"a": "b"}}}],
        )
    )
    assert config["mode"] == "Resource"
    assert config["owner"] == {"apiVersion": "v1", "kind": "Pod"}
    assert config["resources"] == [{"gvr": {"Group": "", "Version": "v1", "Resource": "pods"}, "selector": "a=b"}]


def test_label_selectors_become_query_parameters() -> None:
    """All operators, sorted by key."""
    selector = {
        "matchLabels": {"z": "1"},
        "matchExpressions": [
            {"key": "b", "operator": "In", "values": ["y", "x"]},
            {"key": "c", "operator": "NotIn", "values": ["q"]},
            {"key": "a", "operator": "Exists"},
            {"key": "d", "operator": "DoesNotExist"},
        ],
    }
    assert label_selector(selector) == "a,b in (x,y),c notin (q),!d,z=1"


def test_environment_names_source_sink_and_overrides() -> None:
    """The adapter gets its five variables, and `ceOverrides` as JSON."""
    environment = adapter_environment(source(ceOverrides={"extensions": {"origin": "x"}}), "http://sink/")
    assert environment["NAME"] == "src"
    assert environment["NAMESPACE"] == "shop"
    assert environment["K_SINK"] == "http://sink/"
    assert json.loads(environment["K_CE_OVERRIDES"]) == {"extensions": {"origin": "x"}}
    assert json.loads(environment["K_SOURCE_CONFIG"])["namespaces"] == ["shop"]
