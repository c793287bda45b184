"""Host names and the patterns of those that may receive a token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.hosts import HostPattern, host_pattern, normal_host, service_host, service_of
from aegis_api.reading import Node, ParseError


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("a.shop.svc", "a.shop.svc"),
        ("A.Shop.SVC.cluster.local.", "a.shop.svc"),
        ("a", "a.pods.svc"),
        ("localhost", "localhost"),
        ("api.example.com", "api.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("", None),
        ("a..b", None),
        ("a b", None),
        ("[::1]", None),
        ("a:80", None),
        ("a.b..", None),
        ("\u212ahost.shop.svc", None),
        ("a" * 64, None),
        (".".join(["a" * 63] * 4), None),
    ],
)
def test_one_spelling_of_a_host(host: str, normal: str | None) -> None:
    """However a host is dialled, it has one spelling, or it is no host name."""
    assert normal_host(host, "pods") == normal


@given(st.one_of(st.text(max_size=12), st.text("aA.-_K", max_size=12)))
def test_the_one_spelling_is_stable(host: str) -> None:
    """A normal host is its own normal host."""
    if (normal := normal_host(host, "pods")) is not None:
        assert normal_host(normal, "pods") == normal


@pytest.mark.parametrize(
    ("host", "service"),
    [("a.shop.svc", ("a", "shop")), ("a.shop", None), ("x.a.shop.svc", None), ("a.shop.com", None)],
)
def test_services_are_told_from_other_hosts(host: str, service: tuple[str, str] | None) -> None:
    """Only `<service>.<namespace>.svc` is a Service."""
    assert service_of(host) == service


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("*.svc", "a.shop.svc", True),
        ("*.svc", "svc", False),
        ("*.svc", "a.shopsvc", False),
        ("*.svc", "a.shop.svc.example.com", False),
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "b.a.example.com", False),
        ("*.svc.cluster.local", "a.shop.svc", True),
    ],
)
def test_patterns(pattern: str, host: str, matches: bool) -> None:
    """A star stands for every name below, and both spellings of the cluster's domain are one."""
    assert host_pattern(Node(pattern)).matches(host) == matches


def test_the_cluster_domain_is_cut_off() -> None:
    """`a.shop.svc.cluster.local` and `a.shop.svc` are the same pattern."""
    assert host_pattern(Node("a.shop.svc.cluster.local")) == HostPattern("a.shop.svc")


@pytest.mark.parametrize("text", ["", "*", "a.*", "*a", "A", "a:80", "https://a", 1])
def test_what_is_no_pattern(text: object) -> None:
    """A pattern that could never match, or would match everything, is refused."""
    with pytest.raises(ParseError, match=r"hosts: got .* wanted a lower-case host name, or '\*\.' and a host name"):
        host_pattern(Node(text, "hosts"))


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("orders.shop.svc", "orders.shop.svc"),
        ("db-0.db.shop.svc", "db.shop.svc"),
        ("shop.svc", None),
        ("orders.example.com", None),
    ],
)
def test_the_service_behind_a_host(host: str, service: str | None) -> None:
    """A pod behind a headless Service has the Service's name below its own."""
    assert service_host(host) == service
