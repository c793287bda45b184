"""Whether a container or volume that bears our name is the one that the webhook made.

Between two looks the API server fills in defaults and other admission plugins add what they must. What they may add is
listed here; any other difference means that somebody else made it.
"""

from typing import Any

from aegis_webhook.decision import Object
from aegis_webhook.sidecar import API_ACCESS_PATH

# Defaults of the API server, and what AlwaysPullImages and in-place resizing set. None of them changes what runs.
_MAY_COME = frozenset({"imagePullPolicy", "resizePolicy", "terminationMessagePath", "terminationMessagePolicy"})
_ACCESS_VOLUME = "kube-api-access-"
_EMPTY: tuple[object, ...] = ("", None, [], {})


def is_ours(found: Object, made: Object) -> bool:
    """Whether `found` is `made`, give or take what the API server itself adds."""
    return bool(_plain(_without_additions(found, made)) == _plain(_without_additions(made, made)))


def _without_additions(found: Object, made: Object) -> Object:
    kept = {name: value for name, value in found.items() if name not in _MAY_COME}
    if isinstance(found.get("resources"), dict) and isinstance(made.get("resources"), dict):
        kept["resources"] = _asked_for(found["resources"], made["resources"])
    if isinstance(context := found.get("securityContext"), dict) and context.get("procMount") == "Default":
        kept["securityContext"] = {name: value for name, value in context.items() if name != "procMount"}
    if isinstance(found.get("volumeMounts"), list):
        ours = made.get("volumeMounts", [])
        kept["volumeMounts"] = [mount for mount in found["volumeMounts"] if mount in ours or not _is_access(mount)]
    return kept


def _asked_for(found: Object, made: Object) -> Object:
    """A LimitRanger adds what was not asked for; what was asked for must be there as it was."""
    kept = dict(found)
    for name in ("requests", "limits"):
        if isinstance(found.get(name), dict):
            kept[name] = {key: value for key, value in found[name].items() if key in made.get(name, {})}
    return kept


def _is_access(mount: Any) -> bool:
    """The mount that the ServiceAccount admission plugin adds to containers without one."""
    return (
        isinstance(mount, dict)
        and set(mount) == {"name", "mountPath", "readOnly"}
        and mount["mountPath"] == API_ACCESS_PATH
        and str(mount["name"]).startswith(_ACCESS_VOLUME)
    )


def _plain(value: Any) -> Any:
    """The value without its empty members: Go does not write them."""
    if isinstance(value, dict):
        members = {name: _plain(item) for name, item in value.items()}
        return {name: item for name, item in members.items() if item not in _EMPTY}
    return [_plain(item) for item in value] if isinstance(value, list) else value
