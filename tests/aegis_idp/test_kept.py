"""Which ServiceAccount's an id is, by a setting."""

import pytest

from aegis_api.names import Subject
from aegis_idp.kept import keeper_of, kept_for, subject_of

KEPT = {"shop/orders": "one", "bank/orders": "two"}
ORDERS = Subject("shop", "orders")


def test_an_id_and_its_keeper() -> None:
    """Each leads to the other; what is not named leads nowhere."""
    assert subject_of("shop/orders") == ORDERS
    assert kept_for(KEPT, ORDERS) == "one"
    assert keeper_of(KEPT, "two") == Subject("bank", "orders")
    assert kept_for(KEPT, Subject("shop", "stock")) is None
    assert keeper_of(KEPT, "three") is None


@pytest.mark.parametrize("name", ["", "orders", "/orders", "shop/", "shop/orders/x", "Shop/orders", "shop:orders"])
def test_what_names_no_service_account(name: str) -> None:
    """The text says what came and what was wanted."""
    with pytest.raises(ValueError, match="NAMESPACE/NAME of a ServiceAccount in place of"):
        subject_of(name)
