"""What to do about an error of the token endpoint."""

import pytest

from aegis_idp.errors import Refused, Spreading
from aegis_idp_azure.refusals import Asked, with_way_out

ASKED = Asked("c-1", "system:serviceaccount:shop:orders", "r-1")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("x (AADSTS70021: no)", Spreading, "the application c-1 needs .* for system:serviceaccount:shop:orders"),
        ("x (AADSTS700016: no)", Spreading, "is c-1 the client id of an application"),
        ("x (AADSTS50013: no)", Refused, "reachable from the internet"),
        ("x (AADSTS501051: no)", Refused, "assign the application c-1 to the application r-1"),
        ("x (AADSTS1: no)", Refused, "sign-in logs of the application c-1"),
        ("x", Refused, "sign-in logs"),
    ],
)
def test_the_number_says_what_to_do(text: str, kind: type[Exception], said: str) -> None:
    """What spreads by itself comes out as Spreading; the rest keeps its code."""
    error = with_way_out(Refused(text, "invalid_client"), ASKED)
    assert type(error) is kind
    assert str(error).startswith(text)
    with pytest.raises(kind, match=said):
        raise error
    assert getattr(error, "code", "invalid_client") == "invalid_client"
