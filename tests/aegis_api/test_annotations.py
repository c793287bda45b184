"""The names by which pods ask for the mesh."""

from aegis_api import annotations


def test_every_name_has_the_prefix_and_occurs_once() -> None:
    """Annotations and labels are told from foreign ones by the prefix alone."""
    names = [value for key, value in vars(annotations).items() if isinstance(value, str) and key.isupper()]
    names.remove(annotations.PREFIX)
    names.remove(annotations.PROXY_CONTAINER)
    assert all(name.startswith(annotations.PREFIX) for name in names)
    assert len(names) == len(set(names))


def test_the_ports_of_the_proxy_are_no_ports_of_knative() -> None:
    """Knative's queue-proxy shares the pod's network and has reserved these ports."""
    ours = {annotations.INGRESS_PROXY_PORT, annotations.EGRESS_PROXY_PORT, annotations.ADMIN_PORT}
    assert not ours & {8012, 8013, 8112, 8022, 9090, 9091, 8008}
