"""Where a client's secret or key is."""

from aegis_api.names import Subject
from aegis_idp.values import SecretKey
from aegis_idp_oidc.clients import ClientKey, ClientSecret

ORDERS = Subject("shop", "orders")


def test_a_secret_may_be_one_for_each_service_account() -> None:
    """{name} stands for the ServiceAccount's name, in the pod's own namespace."""
    assert ClientSecret("aegis-{name}", "secret").of(ORDERS) == SecretKey("aegis-orders", "secret")
    assert ClientKey("client", "key.pem").of(ORDERS) == SecretKey("client", "key.pem")
