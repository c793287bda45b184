"""Our own work, known again."""

from typing import Any

import pytest

from aegis_webhook.recognition import is_ours

MADE: dict[str, Any] = {
    "name": "aegis-proxy",
    "image": "i",
    "env": [{"name": "A", "value": ""}],
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1"}},
    "securityContext": {"runAsUser": 1137},
    "volumeMounts": [{"name": "t", "mountPath": "/t", "readOnly": True}],
}
ACCESS = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.mark.parametrize(
    "added",
    [
        {},
        {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resizePolicy": []},
        {"imagePullPolicy": "Always"},
        {"env": [{"name": "A"}]},
        {"envFrom": [], "lifecycle": None, "workingDir": ""},
        {"resources": {"requests": {"cpu": "1", "memory": "2"}, "limits": {"memory": "1", "cpu": "2"}}},
        {"securityContext": {"runAsUser": 1137, "procMount": "Default"}},
        {
            "volumeMounts": [
                *MADE["volumeMounts"],
                {"name": "kube-api-access-abcde", "mountPath": ACCESS, "readOnly": True},
            ]
        },
    ],
    ids=lambda added: ",".join(added) or "nothing",
)
def test_w09_what_the_api_server_adds_is_no_difference(added: dict[str, Any]) -> None:
    """Defaults and built-in plugins do not make our container a foreign one."""
    assert is_ours({**MADE, **added}, MADE)


@pytest.mark.parametrize(
    "changed",
    [
        {"image": "evil"},
        {"command": ["sh"]},
        {"env": [{"name": "A", "value": "x"}]},
        {"env": [{"name": "A"}, {"name": "B", "value": "x"}]},
        {"resources": {"requests": {"cpu": "2"}, "limits": {"memory": "1"}}},
        {"resources": {"limits": {"memory": "1"}}},
        {"resources": []},
        {"securityContext": {"runAsUser": 1137, "procMount": "Unmasked"}},
        {"securityContext": None},
        {"volumeMounts": []},
        {"volumeMounts": [*MADE["volumeMounts"], {"name": "x", "mountPath": ACCESS, "readOnly": True}]},
        {"volumeMounts": [*MADE["volumeMounts"], {"name": "kube-api-access-x", "mountPath": "/x", "readOnly": True}]},
        {
            "volumeMounts": [
                *MADE["volumeMounts"],
                {"name": "kube-api-access-x", "mountPath": ACCESS, "readOnly": True, "subPath": "y"},
            ]
        },
        {"volumeMounts": [*MADE["volumeMounts"], 1]},
    ],
    ids=str,
)
def test_w03_every_other_difference_is_one(changed: dict[str, Any]) -> None:
    """What runs, what it is told and what it sees must be as made."""
    assert not is_ours({**MADE, **changed}, MADE)


def test_containers_without_resources_and_mounts() -> None:
    """Parts that were not made may have grown the harmless additions only."""
    assert is_ours({"name": "v", "resources": {"limits": {"cpu": "1"}}}, {"name": "v", "resources": {}})
    assert not is_ours({"name": "v", "resources": {"limits": {"cpu": "1"}}}, {"name": "v"})
