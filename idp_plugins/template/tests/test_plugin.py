"""What is particular to this plugin; what is common to all is in `test_conformance`."""

import pytest
from token_service import TokenService

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import Cluster, ProviderUnderTest
from aegis_idp.errors import Refused
from aegis_idp_template import PLUGIN


def test_a_refusal_says_what_to_do() -> None:
    """Without an account, the error names the subject and asks the right question."""
    with Cluster(public=True) as cluster, TokenService(cluster) as service:
        provider = ProviderUnderTest(PLUGIN, {"address": service.url}, cluster)
        request = provider.mounts(Subject("shop", "orders")).request("aegis")
        with pytest.raises(
            Refused, match=r"no_account.*has the account of system:serviceaccount:shop:orders been made"
        ):
            run(PLUGIN.acquire(provider.settings, request, provider.http))
