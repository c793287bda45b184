"""The five questions; the rest is in `test_conformance`."""

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.errors import ClaimRefused
from aegis_idp.values import Secret
from aegis_idp_kubernetes import PLUGIN
from aegis_idp_kubernetes.settings import KubernetesSettings


def test_the_projected_token_is_the_token() -> None:
    """For the audience that is asked for, not the main one."""
    tokens = {"one.shop.svc": Secret("a.b.c"), "two.shop.svc": Secret("d.e.f")}
    request = Mounts(Subject("shop", "orders"), tokens, {}).request("two.shop.svc")
    assert run(PLUGIN.acquire(KubernetesSettings(), request, BlockingHttp())).reveal() == "d.e.f"


def test_the_subject_is_sub() -> None:
    """Other claims do not count, as a workload does not choose this one."""
    claims = {"sub": "system:serviceaccount:shop:orders", "kubernetes.io": {"namespace": "bank"}}
    assert PLUGIN.subject(KubernetesSettings(), claims) == Subject("shop", "orders")


@pytest.mark.parametrize("sub", ["system:node:worker", "system:serviceaccount:shop:orders:x", "kubernetes-admin"])
def test_other_users_of_the_cluster_are_nobody(sub: str) -> None:
    """The same issuer may speak of nodes and of people."""
    with pytest.raises(ClaimRefused):
        PLUGIN.subject(KubernetesSettings(), {"sub": sub})
