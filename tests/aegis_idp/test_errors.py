"""How a plugin says what went wrong."""

import pytest

from aegis_idp.errors import ClaimRefused, ForeignObject, Misconfigured, ProviderError, Refused, Unavailable


@pytest.mark.parametrize("kind", [Unavailable, Refused, Misconfigured, ClaimRefused, ForeignObject])
def test_each_kind_is_a_provider_error(kind: type[ProviderError]) -> None:
    """A host catches one class, and shows its text."""
    with pytest.raises(ProviderError, match=r"^do this$"):
        raise kind("do this")


def test_unavailable_may_say_when() -> None:
    """The provider's own delay goes along."""
    assert Unavailable("later", 7.5).retry_after == 7.5
    assert Unavailable("later").retry_after is None


def test_refused_may_say_which() -> None:
    """The provider's own code goes along."""
    assert Refused("no", "invalid_client").code == "invalid_client"
    assert Refused("no").code == ""
