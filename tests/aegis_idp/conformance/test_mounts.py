"""What a sidecar has mounted."""

import pytest

from aegis_api.names import Subject
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Secret, SecretKey

ORDERS, KEY = Subject("shop", "orders"), SecretKey("client", "secret")


def test_mounts_are_read_by_audience_and_key() -> None:
    """The first token is the main one; what was read is counted."""
    main, other, secret = Secret("a"), Secret("b"), Secret("c")
    mounts = Mounts(ORDERS, {"one": main, "two": other}, {KEY: secret})
    request = mounts.request("aegis")
    assert (request.subject, request.audience) == (ORDERS, "aegis")
    assert request.service_account_token() is main
    assert request.service_account_token("two") is other
    assert request.secret(KEY) is secret
    assert mounts.read == ["one", "two", KEY]
    assert mounts.all_secrets() == (main, other, secret)


def test_what_is_not_mounted_is_an_error() -> None:
    """As of a host: Misconfigured, with the name of what is missing."""
    request = Mounts(ORDERS, {}, {}).request("aegis")
    with pytest.raises(Misconfigured, match="audience three"):
        request.service_account_token("three")
    with pytest.raises(Misconfigured, match="no ServiceAccount token"):
        request.service_account_token()
    with pytest.raises(Misconfigured, match="the key secret of the Secret client"):
        request.secret(KEY)
