"""What to do about an error of Google Cloud."""

import pytest

from aegis_idp.errors import Refused, Spreading
from aegis_idp_gcp.refusals import Asked, exchange_refused, token_refused

ASKED = Asked("system:serviceaccount:shop:orders", "a@p", "projects/1/x")


def test_the_exchange_names_the_pools_provider() -> None:
    """And the subject that it should take."""
    error = exchange_refused(Refused("x", "invalid_grant"), ASKED)
    assert "does projects/1/x have the cluster's issuer" in str(error)
    assert error.code == "invalid_grant"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("PERMISSION_DENIED", Spreading), ("NOT_FOUND", Spreading), ("INVALID_ARGUMENT", Refused), ("", Refused)],
)
def test_what_may_only_be_new_passes(code: str, kind: type[Exception]) -> None:
    """A binding takes minutes to be known; either way the error says what is needed."""
    error = token_refused(Refused("x", code), ASKED)
    assert type(error) is kind
    assert "system:serviceaccount:shop:orders needs roles/iam.workloadIdentityUser on a@p" in str(error)
