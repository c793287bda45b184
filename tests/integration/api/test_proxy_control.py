"""The proxy's control side against an API server: what it reads, may not read, and hears of."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve

from aegis_api.resources import API_VERSION
from aegis_proxy.core.tokens import verify
from aegis_proxy.settings import HostPort, Settings
from aegis_proxy.shell.control import Control
from support.api_server import ApiServer
from support.kube_client import KubeClient, path_of
from support.on_reactor import on_reactor, reactor
from support.proxy_log import ReadableLog
from support.raw_server import pause, until

# Twisted's own certificates hand pyOpenSSL objects of its older types.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture
def log() -> Iterator[ReadableLog]:
    log = ReadableLog(clock=reactor)
    yield log
    log.close()


def put(client: KubeClient, namespace: str, plural: str, kind: str, name: str, **spec: Any) -> None:
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    client.apply(path_of(API_VERSION, plural, name, namespace), body, force=True).ok()


def put_policy(client: KubeClient, namespace: str, path: str, name: str = "orders") -> None:
    rule = {"name": "all", "identities": ["*"], "methods": ["GET"], "paths": [path]}
    put(client, namespace, "ingresspolicies", "IngressPolicy", name, rules=[rule])


def put_provider(client: KubeClient, namespace: str) -> None:
    put(client, namespace, "identityproviders", "IdentityProvider", "cluster", type="kubernetes", audience="aegis")


def settings_of(namespace: str, kubeconfig: Path, **changes: Any) -> Settings:
    settings = Settings(
        namespace, kubeconfig=kubeconfig, policies=("orders",), providers=("cluster",), egress_listen=None
    )
    return evolve(settings, **changes)


@asynccontextmanager
async def running(settings: Settings, log: ReadableLog) -> AsyncIterator[Control]:
    control = Control(settings, reactor, log.log)
    control.start()
    try:
        yield control
    finally:
        await control.stop()
        await pause(0.1)


def may_get(control: Control, token: str, path: str) -> bool:
    """Whether the bearer of this token may, by the snapshot of this moment."""
    snapshot = control.snapshot
    caller = verify(token.encode(), snapshot.authorities, reactor.seconds())
    return snapshot.rules.for_caller(caller, b"GET", path.encode()) is not None


def test_policies_and_keys_come_from_the_api_server(
    api_server: ApiServer, client: KubeClient, namespace: str, log: ReadableLog
) -> None:
    """A live edit, a forced 410 and a deletion are each seen; tokens are verified with the cluster's own keys."""
    put_provider(client, namespace)
    put_policy(client, namespace, "/a")
    account = {"metadata": {"name": "caller"}}
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), account).ok()
    token = api_server.token(namespace, "caller", ["aegis"])

    async def main() -> None:
        async with running(settings_of(namespace, api_server.admin_kubeconfig), log) as control:
            await until(lambda: control.missing() == ())
            assert (may_get(control, token, "/a"), may_get(control, token, "/b")) == (True, False)
            put_policy(client, namespace, "/b")
            await until(lambda: may_get(control, token, "/b"))
            assert not may_get(control, token, "/a")
            api_server.expire_resource_versions()
            put_policy(client, namespace, "/c")
            await until(lambda: may_get(control, token, "/c"), 60)
            client.delete(path_of(API_VERSION, "ingresspolicies", "orders", namespace)).ok()
            await until(lambda: control.missing() == ("policy",), 60)
            assert not may_get(control, token, "/c")

    on_reactor(main(), 110)


def test_an_identity_is_followed_to_its_provider(
    api_server: ApiServer, client: KubeClient, namespace: str, log: ReadableLog, tmp_path: Path
) -> None:
    """The Identity names the provider; its token is the mounted one."""
    put_provider(client, namespace)
    put(client, namespace, "identities", "Identity", "me", provider="cluster")
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "me"}}).ok()
    (tmp_path / "token").write_text(api_server.token(namespace, "me", ["aegis"]))
    settings = settings_of(
        namespace,
        api_server.admin_kubeconfig,
        policies=(),
        providers=(),
        identity="me",
        token_file=tmp_path / "token",
        egress_listen=HostPort("127.0.0.1", 0),
    )

    async def main() -> None:
        async with running(settings, log) as control:
            await until(lambda: control.missing() == ())
            assert control.tokens is not None
            assert control.tokens.cached("aegis") is not None
            client.delete(path_of(API_VERSION, "identities", "me", namespace)).ok()
            await until(lambda: control.snapshot.no_token != "")
            assert control.tokens.cached("aegis") is None

    on_reactor(main(), 60)


def kubeconfig_of(api_server: ApiServer, token: str, folder: Path) -> Path:
    cluster = {"server": api_server.url, "certificate-authority": str(api_server.ca_file)}
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def grant(client: KubeClient, namespace: str, resource: str, name: str) -> None:
    """Lets the ServiceAccount `me` read one object."""
    rule = {
        "apiGroups": ["aegis.aegisproxy.io"],
        "resources": [resource],
        "resourceNames": [name],
        "verbs": ["get", "list", "watch"],
    }
    role = {"metadata": {"name": resource}, "rules": [rule]}
    binding = {
        "metadata": {"name": resource},
        "subjects": [{"kind": "ServiceAccount", "name": "me", "namespace": namespace}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": resource},
    }
    client.create(path_of(RBAC, "roles", namespace=namespace), role).ok()
    client.create(path_of(RBAC, "rolebindings", namespace=namespace), binding).ok()


def in_force(control: Control) -> list[bool]:
    policies: Any = control.describe()["policies"]
    return [policy["in_force"] for policy in policies]


def test_k08_what_may_not_be_read_denies_until_it_may(
    api_server: ApiServer, client: KubeClient, namespace: str, log: ReadableLog, tmp_path: Path
) -> None:
    """The role of a pod is made while it starts: with the first right its objects are there, and no others."""
    put_provider(client, namespace)
    put_policy(client, namespace, "/a")
    put_policy(client, namespace, "/a", name="neighbour")
    client.create(path_of("v1", "serviceaccounts", namespace=namespace), {"metadata": {"name": "me"}}).ok()
    kubeconfig = kubeconfig_of(api_server, api_server.token(namespace, "me"), tmp_path)
    settings = settings_of(namespace, kubeconfig, policies=("orders", "neighbour"))

    async def main() -> None:
        async with running(settings, log) as control:
            await until(lambda: "403" in str(control.describe()["policies"]) and "403" in control.snapshot.closed)
            assert control.missing() == ("policy", "keys")
            grant(client, namespace, "ingresspolicies", "orders")
            grant(client, namespace, "identityproviders", "cluster")
            await until(lambda: in_force(control) == [True, False] and control.missing() == ("policy",), 40)
            assert control.snapshot.closed == ""

    on_reactor(main(), 60)
