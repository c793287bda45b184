"""The verbs, on the embedded API."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from aegis_local.client.api import Api, Collection
from aegis_local.client.errors import ApiRefused
from aegis_local.client.resources import CONFIG_MAPS, PODS, Key
from aegis_local.kube.embedded import EmbeddedKubernetes
from support.local_cluster import on_api

KEY = Key("test", "a")


def config_map(**data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "test", "labels": {"x": "y"}},
        "data": data,
    }


def pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "p-", "namespace": "test"},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    }


def test_objects_are_applied_read_changed_and_deleted(tmp_path: Path) -> None:
    """A field that is no longer applied goes; what is not there is None."""

    async def work(_: EmbeddedKubernetes, api: Api) -> None:
        await api.apply(config_map(k="1", l="2"))
        await api.apply(config_map(k="3"))
        assert (await api.get(CONFIG_MAPS, KEY))["data"] == {"k": "3"}
        assert (await api.merge(CONFIG_MAPS, KEY, {"data": {"m": "4"}}))["data"] == {"k": "3", "m": "4"}
        objects, version = await api.list(Collection(CONFIG_MAPS, "test", "x=y"))
        assert [(obj["kind"], obj["metadata"]["name"]) for obj in objects] == [("ConfigMap", "a")]
        assert int(version) > 0
        await api.delete(CONFIG_MAPS, KEY)
        await api.delete(CONFIG_MAPS, KEY)
        assert await api.find(CONFIG_MAPS, KEY) is None

    on_api(tmp_path, work)


def test_a_status_is_applied_apart(tmp_path: Path) -> None:
    """The rest of the object stays."""

    async def work(_: EmbeddedKubernetes, api: Api) -> None:
        made = await api.create(PODS, pod())
        key = Key("test", made["metadata"]["name"])
        await api.apply_status(PODS, key, {"phase": "Running"})
        found = await api.get(PODS, key)
        assert found["status"]["phase"] == "Running"
        assert found["spec"] == made["spec"]

    on_api(tmp_path, work)


def test_refusals_tell_what_the_server_said(tmp_path: Path) -> None:
    """Of a bad object, of an unknown kind, of other failures than not found."""

    async def work(_: EmbeddedKubernetes, api: Api) -> None:
        with pytest.raises(ApiRefused, match=r"spec\.containers") as caught:
            await api.create(PODS, {**pod(), "spec": {}})
        assert caught.value.code == 422
        with pytest.raises(ApiRefused, match="no kind Nothing in v1"):
            await api.apply({"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "a"}})
        await api.apply(config_map())
        with pytest.raises(ApiRefused, match="UID in precondition") as caught:
            await api.delete(CONFIG_MAPS, KEY, {"preconditions": {"uid": "another"}})
        assert caught.value.code == 409

    on_api(tmp_path, work)


def test_tokens_of_service_accounts(tmp_path: Path) -> None:
    """With an audience and a lifetime, bound to a pod if wanted."""

    async def work(_: EmbeddedKubernetes, api: Api) -> None:
        made = await api.create(PODS, pod())
        issued = await api.token(Key("test", "default"), ["aud"], 700, bound_to=made)
        claims = jwt.decode(issued.token, options={"verify_signature": False})
        assert claims["aud"] == ["aud"]
        assert claims["sub"] == "system:serviceaccount:test:default"
        assert claims["kubernetes.io"]["pod"]["name"] == made["metadata"]["name"]
        assert claims["exp"] - claims["iat"] == issued.seconds == 700
        assert issued.token not in repr(issued)
        own = jwt.decode((await api.token(Key("test", "default"))).token, options={"verify_signature": False})
        assert "pod" not in own["kubernetes.io"]

    on_api(tmp_path, work)
