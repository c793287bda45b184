"""The audiences of an identity's destinations."""

import pytest

from aegis_api.hosts import HostPattern
from aegis_idp.destinations import destinations
from aegis_idp.errors import Misconfigured


def test_each_service_is_one_audience() -> None:
    """A pod behind a Service is asked for by the Service's name; for what is no Service, no token is asked at all."""
    hosts = ("orders.shop.svc", "db-0.db.shop.svc", "db.shop.svc", "orders.shop.svc", "api.example.com")
    assert destinations(tuple(map(HostPattern, hosts))) == ("orders.shop.svc", "db.shop.svc")


def test_patterns_are_refused() -> None:
    """The text says which, and what to write instead."""
    with pytest.raises(Misconfigured, match=r"\*\.svc, \*\.shop\.svc stands for many: list the exact hosts"):
        destinations((HostPattern("*.svc"), HostPattern("a.b.svc"), HostPattern("*.shop.svc")))
