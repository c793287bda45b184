"""Knative Services as Deployments."""

from typing import Any

import pytest

from aegis_local.serving import deployment_of, extra_ports, port_of, ready_pod, revision_of, status_of

Object = dict[str, Any]


def service(generation: int = 3, **container: Any) -> Object:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "fn", "namespace": "n", "uid": "u", "generation": generation},
        "spec": {
            "template": {
                "metadata": {"annotations": {"a": "b"}, "labels": {"l": "m"}},
                "spec": {
                    "serviceAccountName": "sa",
                    "timeoutSeconds": 10,
                    "containerConcurrency": 1,
                    "containers": [{"image": "x", "command": ["run"], **container}],
                },
            }
        },
    }


def container_of(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def test_a_service_becomes_a_deployment_of_its_template() -> None:
    """Owned by it, with Knative's labels, and without what only Knative knows."""
    deployment = deployment_of(service())
    template = deployment["spec"]["template"]
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert template["metadata"]["annotations"] == {"a": "b"}
    assert template["metadata"]["labels"] == {
        "l": "m",
        "serving.knative.dev/service": "fn",
        "serving.knative.dev/revision": "fn-00003",
    }
    assert template["spec"].keys() == {"serviceAccountName", "containers"}
    assert container_of(deployment)["name"] == "user-container"


def test_the_container_is_told_its_port() -> None:
    """8080 if it declares none; further variables say which service it is."""
    env = {found["name"]: found["value"] for found in container_of(deployment_of(service()))["env"]}
    assert env == {"PORT": "8080", "K_SERVICE": "fn", "K_CONFIGURATION": "fn", "K_REVISION": "fn-00003"}
    assert port_of(service(ports=[{"containerPort": 9000}])) == 9000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"tcpSocket": {"port": 8080}}),
        ({"tcpSocket": {"port": 0}}, {"tcpSocket": {"port": 8080}}),
        ({"httpGet": {"path": "/healthz"}}, {"httpGet": {"path": "/healthz", "port": 8080}}),
        ({"httpGet": {"port": 9}, "periodSeconds": 7}, {"httpGet": {"port": 9}, "periodSeconds": 7}),
        ({"exec": {"command": ["true"]}}, {"exec": {"command": ["true"]}}),
    ],
)
def test_the_readiness_probe_gets_the_port(given: Object | None, expected: Object) -> None:
    """As Knative fills it in; without a probe, a connection is enough."""
    found = service(readinessProbe=given) if given else service()
    probe = container_of(deployment_of(found))["readinessProbe"]
    assert expected.items() <= probe.items()


def test_ports_that_plain_services_reach_are_declared_too() -> None:
    """A webhook's TLS port, which Knative would not let the container declare."""
    core = [
        {"metadata": {"namespace": "n"}, "spec": {"selector": {"serving.knative.dev/service": "fn"}, "ports": ports}}
        for ports in ([{"port": 443, "targetPort": 8443}], [{"port": 80, "targetPort": "http"}], [{"port": 9443}])
    ]
    others = [
        {"metadata": {"namespace": "n"}, "spec": {"ports": [{"port": 1}]}},
        {"metadata": {"namespace": "m"}, "spec": core[0]["spec"]},
        {
            "metadata": {"namespace": "n"},
            "spec": {"selector": {"serving.knative.dev/service": "x"}, "ports": [{"port": 2}]},
        },
    ]
    assert extra_ports(service(), [*core, *others]) == {8443, 9443}
    ports = container_of(deployment_of(service(), {8443, 8080}))["ports"]
    assert ports == [{"name": "user-port", "containerPort": 8080}, {"containerPort": 8443}]


def pod(name: str, ready: str, revision: str = "fn-00001", **metadata: Any) -> Object:
    labels = {"serving.knative.dev/service": "fn", "serving.knative.dev/revision": revision}
    return {
        "metadata": {"name": name, "namespace": "n", "labels": labels, **metadata},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_the_ready_pod_of_the_newest_revision_serves() -> None:
    """Not one that is going, not one of another namespace."""
    pods = [
        pod("old", "True"),
        pod("new", "True", "fn-00002"),
        pod("newer", "False", "fn-00003"),
        pod("going", "True", "fn-00004", deletionTimestamp="now"),
        pod("away", "True", "fn-00005", namespace="m"),
    ]
    found = ready_pod(service(), pods)
    assert found is not None
    assert found["metadata"]["name"] == "new"
    assert ready_pod(service(), []) is None


def test_the_status_tells_the_address_once_a_pod_is_ready() -> None:
    """Before that, the conditions are unknown and say why."""
    waiting = status_of(service(), None, "no pod is ready", "now")
    assert {(c["type"], c["status"], c["message"]) for c in waiting["conditions"]} == {
        (kind, "Unknown", "no pod is ready") for kind in ("ConfigurationsReady", "RoutesReady", "Ready")
    }
    assert "url" not in waiting
    ready = status_of(service(), "http://127.0.0.1:1", "", "now")
    assert ready["address"] == {"url": "http://127.0.0.1:1"}
    assert ready["url"] == "http://127.0.0.1:1"
    assert ready["observedGeneration"] == 3
    assert ready["latestReadyRevisionName"] == revision_of(service()) == "fn-00003"
    assert all(c["status"] == "True" for c in ready["conditions"])
