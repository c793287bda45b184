"""Services without a network."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aegis_local.client.resources import Key
from aegis_local.client.watching import Cache
from aegis_local.network import Network, ServicePort, addresses, connect_to

Object = dict[str, Any]


def service(name: str = "s", ports: list[Object] | None = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": "n"},
        "spec": {"selector": {"app": "a"}, "ports": ports or [{"port": 80, "targetPort": 8080}], **spec},
    }


def pod(name: str, ready: str = "True", labels: Object | None = None, **metadata: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": "n", "labels": labels or {"app": "a", "x": "y"}, **metadata},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def local(mapping: dict[tuple[str, int | str], int]) -> Callable[[Key, int | str], int | None]:
    return lambda key, port: mapping.get((key.name, port))


def test_a_service_leads_to_the_first_ready_pod_that_it_selects() -> None:
    """By its target port, a number or a name."""
    ports: list[Object] = [{"port": 80, "targetPort": 8080}, {"port": 81, "targetPort": "http"}, {"port": 82}]
    mapping: dict[tuple[str, int | str], int] = {("b", 8080): 1, ("b", "http"): 2, ("b", 82): 3, ("c", 8080): 4}
    pods = [pod("c"), pod("b"), pod("a", "False"), pod("0", labels={"app": "z"}), pod("00", deletionTimestamp="now")]
    found = addresses([service(ports=ports)], pods, local(mapping))
    assert found == {ServicePort("n", "s", 80): 1, ServicePort("n", "s", 81): 2, ServicePort("n", "s", 82): 3}


@pytest.mark.parametrize(
    ("services", "pods"),
    [
        ([service()], []),
        ([service()], [pod("a", "False")]),
        ([service()], [pod("a", namespace="m")]),
        ([service(selector=None)], [pod("a")]),
        ([service(type="ExternalName")], [pod("a")]),
        ([service(ports=[{"port": 80, "targetPort": "none"}])], [pod("a")]),
    ],
)
def test_a_service_without_a_ready_port_leads_nowhere(services: list[Object], pods: list[Object]) -> None:
    """There is no line for it."""
    assert addresses(services, pods, local({("a", 8080): 1})) == {}


def test_the_file_has_one_line_for_each_port() -> None:
    """In a fixed order."""
    found = {ServicePort("n", "s", 80): 1, ServicePort("m", "t", 443): 2}
    assert connect_to(found) == "t.m.svc:443 127.0.0.1:2\ns.n.svc:80 127.0.0.1:1\n"


def test_the_file_follows_services_and_pods(tmp_path: Path) -> None:
    """It is there from the start, and what cannot be resolved is an error that says so."""
    services, pods, path = Cache(), Cache(), tmp_path / "connect-to"
    network = Network(path, services, pods, local({("a", 8080): 7}))
    assert path.read_text() == ""
    with pytest.raises(LookupError, match=r"no pod is ready behind s\.n\.svc:80"):
        network.resolve("n", "s", 80)
    asyncio.run(services.changed("ADDED", service()))
    asyncio.run(pods.changed("ADDED", pod("a")))
    assert path.read_text() == "s.n.svc:80 127.0.0.1:7\n"
    assert network.resolve("n", "s", 80) == ("127.0.0.1", 7)
    before = path.stat().st_ino
    asyncio.run(pods.changed("MODIFIED", pod("a", resourceVersion="2")))
    assert path.stat().st_ino == before
    asyncio.run(pods.changed("DELETED", pod("a")))
    assert path.read_text() == ""
