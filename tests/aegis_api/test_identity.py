"""Identities."""

from typing import Any

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.identity import DEFAULT_HOSTS, Identity, read_identity
from aegis_api.names import Subject
from aegis_api.reading import Node, ParseError


def read(**spec: Any) -> Identity:
    return read_identity(Node({"metadata": {"name": "orders", "namespace": "shop"}, "spec": spec}))


def test_defaults() -> None:
    """By default the ServiceAccount has the Identity's name, and the Services of the cluster get the token."""
    identity = read(provider="local")
    assert identity.subject == Subject("shop", "orders")
    assert identity.hosts == DEFAULT_HOSTS
    assert identity.may_send_to("a.shop.svc")
    assert not identity.may_send_to("api.example.com")


def test_everything_said() -> None:
    """An Identity names its ServiceAccount and its hosts."""
    identity = read(provider="local", serviceAccountName="sa", egress={"hosts": ["api.example.com"]})
    assert identity.service_account == "sa"
    assert identity.hosts == (HostPattern("api.example.com"),)


@pytest.mark.parametrize(("egress", "hosts"), [({}, DEFAULT_HOSTS), ({"hosts": []}, ()), (None, DEFAULT_HOSTS)])
def test_an_empty_list_of_hosts_is_no_host(egress: object, hosts: object) -> None:
    """No list is the default; an empty list means that nobody receives the token."""
    assert read(provider="local", egress=egress).hosts == hosts


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, "spec: got no provider, wanted the field provider"),
        ({"provider": "A"}, 'spec.provider: got "A", wanted a name of'),
        ({"provider": "a", "serviceaccountname": "b"}, "spec: got the unknown field serviceaccountname"),
        ({"provider": "a", "egress": {"host": []}}, "spec.egress: got the unknown field host"),
    ],
)
def test_refusals_name_path_and_wish(spec: dict[str, Any], text: str) -> None:
    """A wrong Identity is refused with the path, what came and what was wanted."""
    with pytest.raises(ParseError) as error:
        read(**spec)
    assert text in str(error.value)


def test_the_status_keeps_what_the_plugin_gave_back() -> None:
    """And nothing else of a status is looked at."""
    document = {"metadata": {"name": "a", "namespace": "shop"}, "spec": {"provider": "p"}}
    assert read_identity(Node(document)).provider_metadata == {}
    known = read_identity(Node({**document, "status": {"metadata": {"role": "r"}, "subject": 5}}))
    assert known.provider_metadata == {"role": "r"}
