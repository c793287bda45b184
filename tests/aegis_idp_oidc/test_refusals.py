"""What to do about an error code."""

import pytest

from aegis_idp.errors import Refused
from aegis_idp_oidc.refusals import Asked, with_way_out

ASKED = Asked("aegis.shop.orders", "the ServiceAccount token of X", "stock.shop.svc")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("invalid_client", "let the server accept the ServiceAccount token of X for the client aegis.shop.orders"),
        ("invalid_grant", "let the server accept the ServiceAccount token of X"),
        ("unauthorized_client", "allow the client aegis.shop.orders this grant at the server"),
        ("unsupported_grant_type", "set config.grant to one that the server has"),
        ("invalid_scope", "let the client aegis.shop.orders ask for that scope at the server, or set config.scope"),
        ("invalid_target", "allow the audience stock.shop.svc at the server for the client aegis.shop.orders"),
        ("access_denied", "allow the client aegis.shop.orders the audience stock.shop.svc at the server"),
        ("something_else", "compare config with what the server wants of the client aegis.shop.orders"),
        ("", "compare config with what the server wants of the client aegis.shop.orders"),
    ],
)
def test_each_code_has_its_way_out(code: str, hint: str) -> None:
    """The server's words stay in front, and its code goes along."""
    error = with_way_out(Refused("said no", code), ASKED)
    assert str(error).startswith(f"said no; {hint}")
    assert error.code == code
