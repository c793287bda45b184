"""Entra ID and Graph on one address."""

from typing import Any

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.http import Response
from aegis_idp_fakes.entra import Entra


def get(entra: Entra, path: str) -> Response:
    return run(BlockingHttp(ca_file=str(entra.ca_file)).request("GET", f"{entra.url}/{path}"))


def test_all_tenants_share_keys_that_name_no_algorithm() -> None:
    """As in the cloud: who compares no tenant takes the tokens of all."""
    with Entra() as entra:
        one, other = entra.tenant(), entra.tenant()
        kids = []
        for directory in (one, other):
            document: Any = get(entra, f"{directory.tenant}/discovery/v2.0/keys").json_object("x")
            (key,) = document["keys"]
            assert "alg" not in key
            assert key["issuer"] == f"{entra.url}/{directory.tenant}/v2.0"
            kids.append(key["kid"])
        assert kids[0] == kids[1]


def test_each_version_has_its_document() -> None:
    """With the issuer that its tokens have."""
    with Entra() as entra:
        tenant = entra.tenant().tenant
        for path, issuer in (("v2.0/", f"{entra.url}/{tenant}/v2.0"), ("", f"https://sts.windows.net/{tenant}/")):
            document = get(entra, f"{tenant}/{path}.well-known/openid-configuration").json_object("x")
            assert document["issuer"] == issuer
        assert get(entra, f"{tenant}/nothing").status == 404
        assert get(entra, "nobody/discovery/v2.0/keys").status == 400
