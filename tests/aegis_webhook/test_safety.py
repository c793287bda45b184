"""Pods that would fool the mesh; the cases in `tests/cases/webhook` hold the sentences."""

from typing import Any

import pytest

from aegis_webhook.decision import Refused
from aegis_webhook.safety import check, check_ephemeral
from aegis_webhook.settings import Egress, Ingress, PodSettings, Redirect
from support.admission import pod

IPTABLES = PodSettings(Ingress((8080,)), Egress(), "orders")
NONE = PodSettings(Ingress((8080,)), Egress(), "orders", redirect=Redirect.NONE)


def app(**fields: Any) -> dict[str, Any]:
    return {"name": "app", "image": "app", **fields}


CAPABILITIES = [{"capabilities": {"add": [name]}} for name in ("NET_ADMIN", "NET_RAW", "CAP_NET_RAW", "all", "net_raw")]


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
@pytest.mark.parametrize("context", [*CAPABILITIES, {"privileged": True}, {"runAsUser": 1137}], ids=str)
def test_w04_no_container_can_reach_around_the_proxy(kind: str, context: dict[str, Any]) -> None:
    """The proxy's user and rights over the network are refused in every kind of container."""
    with pytest.raises(Refused, match=rf"spec.{kind}\[0\].securityContext"):
        check(pod(**{kind: [app(securityContext=context)]}), IPTABLES)
    if kind == "ephemeralContainers":
        with pytest.raises(Refused):
            check_ephemeral(pod(**{kind: [app(securityContext=context)]}))


@pytest.mark.parametrize("context", [*CAPABILITIES, {"privileged": True}], ids=str)
def test_w04_without_redirection_there_is_nothing_to_undo(context: dict[str, Any]) -> None:
    """Rights over the network matter only where the network is what holds the pod."""
    check(pod(containers=[app(securityContext=context)]), NONE)


@pytest.mark.parametrize("switch", ["hostNetwork", "hostPID", "shareProcessNamespace"])
@pytest.mark.parametrize("settings", [IPTABLES, NONE], ids=["iptables", "none"])
def test_w04_the_pod_is_its_own_world(switch: str, settings: PodSettings) -> None:
    """Shared networks and processes are refused, their absence and `false` are not."""
    with pytest.raises(Refused, match=f"spec.{switch}: true"):
        check(pod(**{switch: True}), settings)
    check(pod(**{switch: False}), settings)


@pytest.mark.parametrize("kind", ["volumeMounts", "volumeDevices"])
def test_w06_our_volumes_are_not_for_the_app(kind: str) -> None:
    """A mount of the proxy's volumes is refused; others are the app's business."""
    for name in ("aegis-tokens", "aegis-api-access", "aegis-provider"):
        with pytest.raises(Refused, match="is mounted in the proxy only"):
            check(pod(containers=[app(**{kind: [{"name": name}]})]), NONE)
    check(pod(containers=[app(**{kind: [{"name": "data"}]})], volumes=[{"name": "data"}]), NONE)


def test_w03_our_names_are_taken() -> None:
    """Ephemeral containers may not take them either."""
    with pytest.raises(Refused, match="the container name aegis-init belongs to the mesh"):
        check_ephemeral(pod(ephemeralContainers=[app(name="aegis-init")]))
    for capabilities in ({}, {"add": ["NET_BIND_SERVICE"]}):
        check_ephemeral(pod(ephemeralContainers=[app(name="debug", securityContext={"capabilities": capabilities})]))


@pytest.mark.parametrize("port", [{"containerPort": 3128}, {"containerPort": 1, "hostPort": 3129}])
def test_ports_of_the_proxy_are_taken(port: dict[str, int]) -> None:
    """Two listeners cannot share a port."""
    with pytest.raises(Refused, match=r"spec.containers\[0\].ports\[0\]"):
        check(pod(containers=[app(ports=[port])]), NONE)
    check(pod(containers=[app(ports=[{"containerPort": 8080}])]), NONE)


def test_knative_pods_may_go_out_any_way() -> None:
    """Only what comes in meets queue-proxy."""
    document = pod(containers=[app(), {"name": "queue-proxy"}])
    check(document, PodSettings(None, Egress(), "orders", redirect=Redirect.NONE))
    check(document, PodSettings(Ingress((8012,)), None, "orders"))
