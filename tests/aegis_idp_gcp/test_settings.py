"""The settings of a provider of the type `gcp`."""

from collections.abc import Mapping
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_api.reading import Node, ParseError
from aegis_idp.kept import subject_of
from aegis_idp.settings import read_settings
from aegis_idp_gcp.settings import GcpSettings

POOL = "projects/123/locations/global/workloadIdentityPools/aegis"
EMAIL = "orders@aegis-mesh.iam.gserviceaccount.com"


def read(**config: Any) -> GcpSettings:
    given = {"project": "aegis-mesh", "poolProvider": f"{POOL}/providers/cluster", **config}
    return read_settings(GcpSettings, Node(given, "spec.config"))


def test_project_and_pool_are_all_that_is_needed() -> None:
    """The audience of the pool's provider and its name at the Security Token Service follow."""
    settings = read()
    assert settings.shown_audience == f"https://iam.googleapis.com/{POOL}/providers/cluster"
    assert settings.exchange_audience == f"//iam.googleapis.com/{POOL}/providers/cluster"
    assert settings.member("s") == f"principal://iam.googleapis.com/{POOL}/subject/s"
    assert settings.email_suffix == "@aegis-mesh.iam.gserviceaccount.com"
    assert settings.issuer == "https://accounts.google.com"
    assert not settings.provision


def test_service_accounts_can_be_named() -> None:
    """In both directions."""
    settings = read(serviceAccounts={"shop/orders": EMAIL})
    assert settings.email_of(Subject("shop", "orders")) == EMAIL
    assert settings.email_of(Subject("bank", "orders")) is None
    assert settings.subject_by(EMAIL) == subject_of("shop/orders")
    assert settings.subject_by("x") is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"project": "Mesh"}, r"project: .*a project id"),
        ({"poolProvider": POOL}, r"poolProvider: .*/providers/PROVIDER"),
        ({"serviceAccounts": {"orders": EMAIL}}, r"serviceAccounts: .*NAMESPACE/NAME"),
        ({"serviceAccounts": {"shop/orders": "x@y.z"}}, r"the email address of a service account for shop/orders"),
        ({"serviceAccounts": {"shop/a": EMAIL, "shop/b": EMAIL}}, r"a service account of its own"),
        ({"sts": "https://sts.example/"}, r"sts: .*without a slash"),
        ({"iam": "http://iam.example"}, r"iam: .*https://HOST"),
    ],
)
def test_refusals(config: Mapping[str, Any], said: str) -> None:
    """With the path, what came and what was wanted."""
    with pytest.raises(ParseError, match=said):
        read(**config)
