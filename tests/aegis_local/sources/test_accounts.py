"""The API as a ServiceAccount sees it."""

from pathlib import Path

import pytest

from aegis_local.client.api import Api, Collection
from aegis_local.client.errors import ApiRefused
from aegis_local.client.resources import CONFIG_MAPS, Key
from aegis_local.kube.embedded import EmbeddedKubernetes
from aegis_local.sources import accounts
from aegis_local.sources.accounts import AccountApi
from aegis_local.tasks import Tasks
from support.local_cluster import eventually, on_api
from support.on_reactor import reactor


def test_a_service_account_has_its_own_rights_only(tmp_path: Path) -> None:
    """Without a binding it may read nothing."""

    async def work(_: EmbeddedKubernetes, api: Api) -> None:
        account = AccountApi(reactor, api, Key("test", "default"))
        await account.begin()
        with pytest.raises(ApiRefused, match=r"system:serviceaccount:test:default.*configmaps"):
            await account.api.list(Collection(CONFIG_MAPS, "test"))
        with pytest.raises(ApiRefused, match="not found"):
            await AccountApi(reactor, api, Key("test", "none")).begin()
        await account.api.connection.close()

    on_api(tmp_path, work)


def test_the_token_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, in good time."""
    monkeypatch.setattr(accounts, "_RENEW_AT", 0.00001)

    async def work(_: EmbeddedKubernetes, api: Api) -> None:
        account, tasks = AccountApi(reactor, api, Key("test", "default")), Tasks()
        await account.begin()
        token = account.api.connection.access.token
        assert token is not None
        first = token()
        tasks.start("renewal", account.renew())
        await eventually(lambda: token() != first, "another token")
        tasks.cancel()

    on_api(tmp_path, work)
