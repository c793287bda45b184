"""Projected tokens and their renewal."""

from pathlib import Path
from typing import Any

import jwt

from aegis_local.client.api import Api
from aegis_local.client.resources import PODS
from aegis_local.kube.embedded import EmbeddedKubernetes
from aegis_local.kubelet.tokens import TokenKeeper
from aegis_local.kubelet.volumes import TokenSpec
from support.local_cluster import on_api

SPEC = TokenSpec("aegis", 1000)


def test_tokens_are_renewed_when_80_percent_of_their_life_has_passed(tmp_path: Path) -> None:
    """Before that, the same one is used; each is bound to the pod."""

    async def work(_: EmbeddedKubernetes, api: Api) -> tuple[list[bytes], str, bytes]:
        now = [0.0]
        body: dict[str, Any] = {
            "metadata": {"name": "p", "namespace": "test"},
            "spec": {"containers": [{"name": "c", "image": "x"}]},
        }
        pod = await api.create(PODS, body)
        keeper = TokenKeeper(api, pod, lambda: now[0])
        seen = []
        for now[0] in (0.0, 799.0, 801.0):
            seen.append((await keeper.current([SPEC]))[SPEC])
        own = TokenSpec("", 3600)
        return seen, pod["metadata"]["uid"], (await keeper.current([own]))[own]

    (first, second, third), uid, own = on_api(tmp_path, work)
    assert first == second != third
    claims = jwt.decode(first.decode(), options={"verify_signature": False})
    assert claims["aud"] == ["aegis"]
    assert claims["kubernetes.io"]["pod"]["uid"] == uid
    assert jwt.decode(own.decode(), options={"verify_signature": False})["aud"] != ["aegis"]
