from collections import Counter
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from aegis_idp.errors import Unavailable
from aegis_proxy.settings import HostPort, Settings, SettingsError
from aegis_proxy.shell.api_access import ApiAccess
from support.on_reactor import on_reactor, reactor
from support.proxy_log import ReadableLog

FILES = Settings("shop", resources=Path("mesh.yaml"))


def access(settings: Settings, log: ReadableLog) -> ApiAccess:
    return ApiAccess(settings, reactor, log.log, lambda _, __: None)


def test_outside_of_a_cluster_there_is_no_api_server(readable_log: ReadableLog) -> None:
    """Plugins are told so."""
    nothing = access(FILES, readable_log)
    assert nothing.for_plugins() is None
    with pytest.raises(LookupError):
        nothing.api()


def test_a_kubeconfig_comes_before_the_environment(readable_log: ReadableLog, tmp_path: Path) -> None:
    """Whoever gives one means it."""
    path = tmp_path / "config"
    path.write_text(
        "{current-context: c, contexts: [{name: c, context: {cluster: c}}], "
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]}"
    )
    settings = evolve(FILES, kubeconfig=path, in_cluster=HostPort("10.0.0.1", 443))
    found = access(settings, readable_log)
    plugins = found.for_plugins()
    assert plugins is not None
    assert plugins.url == "http://127.0.0.1:1"
    assert found.api() is found.api()
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        on_reactor(plugins.request("GET", "http://127.0.0.1:1/x", {}, b""))
    path.write_text("{}")
    with pytest.raises(SettingsError):
        access(settings, readable_log)


def test_pods_find_their_api_server(readable_log: ReadableLog) -> None:
    """As the environment says."""
    found = access(evolve(FILES, in_cluster=HostPort("10.0.0.1", 443)), readable_log)
    source = found.source("shop", Random(1), Counter(), lambda: None)
    assert source.describe()["from"] == "Kubernetes"
    assert found.api().url == "https://10.0.0.1:443"
