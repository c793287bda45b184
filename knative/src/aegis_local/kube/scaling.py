"""The scale subresource: an autoscaling/v1 Scale read from an object, and written back to it. Pure."""

from typing import Any

from aegis_local.kube import jsonpath
from aegis_local.kube.errors import bad_request, invalid, invalid_value
from aegis_local.kube.kinds import Kind, ScalePaths
from aegis_local.kube.objects import Object, copied, metadata, name_of

_DEPLOYMENT = ScalePaths(".spec.replicas", ".status.replicas")


def _paths(kind: Kind) -> ScalePaths:
    return kind.scale or _DEPLOYMENT


def _first(path: str, obj: Object) -> Any:
    return next(iter(jsonpath.values(path, obj)), None) if path else None


def to_scale(kind: Kind, obj: Object) -> Object:
    """The Scale of an object."""
    paths = _paths(kind)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    if kind.builtin:
        labels = obj["spec"]["selector"].get("matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    else:
        selector = _first(paths.selector, obj) or ""
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata(obj)[key] for key in kept if key in metadata(obj)},
        "spec": {"replicas": _first(paths.spec_replicas, obj) or 0},
        "status": {"replicas": _first(paths.status_replicas, obj) or 0, **({"selector": selector} if selector else {})},
    }


def from_scale(kind: Kind, obj: Object, scale: Any) -> Object:
    """The object with the replicas of a Scale."""
    replicas = scale.get("spec", {}).get("replicas", 0) if isinstance(scale, dict) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("the body of a scale is an autoscaling/v1 Scale with whole spec.replicas")
    if replicas < 0:
        detail = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", name_of(obj), [detail])
    result: Object = copied(obj)
    node = result
    *parents, last = _paths(kind).spec_replicas.lstrip(".").split(".")
    for part in parents:
        node = node.setdefault(part, {})
    node[last] = replicas
    if asked := metadata(scale).get("resourceVersion"):
        result["metadata"]["resourceVersion"] = asked
    return result
