"""What is asked of the API server for a token of the function's own, and what its answers become."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aegis_idp.values import Secret
from aegis_reconcile.cluster import Rejected, TryAgain
from aegis_reconcile.kube import KubeCluster, connect
from aegis_reconcile.own_account import OwnAccount
from support.scripted_kubernetes import ScriptedKubernetes

ME = {"status": {"userInfo": {"username": "system:serviceaccount:aegis-system:aegis-reconcile"}}}


@pytest.fixture
def api() -> Iterator[ScriptedKubernetes]:
    with ScriptedKubernetes() as server:
        yield server


@pytest.fixture
def account(api: ScriptedKubernetes, tmp_path_factory: pytest.TempPathFactory) -> OwnAccount:
    path = tmp_path_factory.mktemp("config") / "kubeconfig"
    path.write_text(api.kubeconfig({"token": "t1"}))
    return OwnAccount(KubeCluster(lambda: connect({"KUBECONFIG": str(path)})))


def test_token_is_asked_for_its_audience_and_a_short_life(api: ScriptedKubernetes, account: OwnAccount) -> None:
    """The API server says who the function is, and makes a token of that ServiceAccount."""
    expires = datetime.now(UTC) + timedelta(seconds=600)
    api.will_answer(201, ME)
    api.will_answer(201, {"status": {"token": "t2", "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}})
    minted = account.mint("https://vault.test")
    assert minted.token.reveal() == "t2"
    assert 590 < minted.seconds <= 600
    assert [asked.path for asked in api.asked] == [
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "/api/v1/namespaces/aegis-system/serviceaccounts/aegis-reconcile/token",
    ]
    assert api.asked[1].body["spec"] == {"audiences": ["https://vault.test"], "expirationSeconds": 600}
    assert api.asked[1].headers["authorization"] == "Bearer t1"


@pytest.mark.parametrize("user", ["kubernetes-admin", "system:serviceaccount:x", "system:serviceaccount:a:b/../c", ""])
def test_only_a_service_account_has_tokens(api: ScriptedKubernetes, account: OwnAccount, user: str) -> None:
    """A function that runs by an administrator's kubeconfig has no identity to show."""
    api.will_answer(201, {"status": {"userInfo": {"username": user}}})
    with pytest.raises(Rejected, match="no ServiceAccount"):
        account.mint("https://vault.test")


@pytest.mark.parametrize("status", [{}, {"token": "t"}, {"token": "t", "expirationTimestamp": "2030-01-01T00:00:00"}])
def test_answer_without_a_time_is_tried_again(
    api: ScriptedKubernetes, account: OwnAccount, status: dict[str, str]
) -> None:
    """A token without its end cannot be kept."""
    api.will_answer(201, ME)
    api.will_answer(201, {"status": status})
    with pytest.raises(TryAgain, match="with the expiry"):
        account.mint("https://vault.test")


def test_api_server_says_whether_it_takes_a_token(api: ScriptedKubernetes, account: OwnAccount) -> None:
    """A token is shown to the API server as a credential: 401 means that it is for somebody else."""
    api.will_answer(201, ME)
    assert account.is_taken(Secret("t2"))
    api.will_answer(401, {})
    assert not account.is_taken(Secret("t3"))
    assert [asked.headers["authorization"] for asked in api.asked] == ["Bearer t2", "Bearer t3"]
    api.will_answer(503, {})
    with pytest.raises(TryAgain):
        account.is_taken(Secret("t4"))
