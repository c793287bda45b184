from typing import Any

import pytest

from aegis_local.kube.crds import kinds_of
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds
from aegis_local.kube.scaling import from_scale, to_scale
from support.in_memory_kube import widget_crd

WIDGET = kinds_of(widget_crd())[0]
DEPLOYMENT = next(kind for kind in builtin_kinds() if kind.kind == "Deployment")
META = {"name": "x", "namespace": "a", "resourceVersion": "5", "labels": {"l": "m"}}


def test_scale_of_a_custom_kind() -> None:
    """Replicas are where the CRD says; missing ones are 0."""
    scale = to_scale(WIDGET, {"metadata": META, "spec": {"replicas": 3}})
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 0})
    assert scale["metadata"] == {"name": "x", "namespace": "a", "resourceVersion": "5"}


def test_scale_of_a_deployment_has_its_selector() -> None:
    """As text, so that an autoscaler can list its pods."""
    obj = {"metadata": META, "spec": {"replicas": 1, "selector": {"matchLabels": {"b": "2", "a": "1"}}}, "status": {}}
    assert to_scale(DEPLOYMENT, obj)["status"] == {"replicas": 0, "selector": "a=1,b=2"}


def test_replicas_are_written_back() -> None:
    """And the revision that the writer has seen, if it says one."""
    obj = {"metadata": META}
    scaled = from_scale(WIDGET, obj, {"spec": {"replicas": 4}, "metadata": {"resourceVersion": "7"}})
    assert (scaled["spec"], scaled["metadata"]["resourceVersion"]) == ({"replicas": 4}, "7")
    assert from_scale(WIDGET, obj, {})["spec"] == {"replicas": 0}


@pytest.mark.parametrize(
    ("scale", "code"),
    [
        ([], 400),
        ({"spec": {"replicas": "3"}}, 400),
        ({"spec": {"replicas": True}}, 400),
        ({"spec": {"replicas": -1}}, 422),
    ],
)
def test_bad_scales_are_refused(scale: Any, code: int) -> None:
    """Replicas are a whole number from 0."""
    with pytest.raises(ApiError) as refusal:
        from_scale(WIDGET, {"metadata": META}, scale)
    assert refusal.value.code == code
