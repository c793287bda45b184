"""Names and labels of what this function makes, and the names that an injected pod uses."""

import hashlib
from collections.abc import Iterator

from attrs import frozen

from aegis_api.annotations import INJECTED_LABEL, PREFIX, PROXY_CONTAINER
from aegis_api.names import is_subdomain
from aegis_reconcile.objects import Object, items, text

MANAGED = {"app.kubernetes.io/managed-by": "aegis"}
INJECTED = {INJECTED_LABEL: "true"}
NAMESPACE_LABEL = PREFIX + "namespace"

_LONGEST = 253


def role_name(account: str) -> str:
    """The Role and RoleBinding of a ServiceAccount. A ServiceAccount's name has no colon, so that no two meet."""
    return _short(f"aegis-proxy-{account}")


def cluster_role_name(namespace: str, account: str) -> str:
    """The ClusterRole and ClusterRoleBinding of a ServiceAccount."""
    return _short(f"aegis-proxy:{namespace}:{account}")


def _short(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{name[: _LONGEST - len(digest) - 1]}:{digest}"


@frozen
class PodUse:
    """The objects that the proxy of a pod reads, all of the pod's namespace (providers: or of the cluster)."""

    account: str
    identity: str | None
    providers: frozenset[str]
    policies: frozenset[str]


def use_of(pod: Object) -> PodUse | None:
    """What an injected pod uses, by the settings of its sidecar, which nobody can change once the pod is there.

    None for a pod that has come to its end.
    """
    if text(pod, "status", "phase") in ("Succeeded", "Failed"):
        return None
    settings = dict(_settings(pod))
    return PodUse(
        account=text(pod, "spec", "serviceAccountName") or "default",
        identity=_name(settings.get("AEGIS_IDENTITY", "")),
        providers=_names(settings.get("AEGIS_PROVIDER", "")),
        policies=_names(settings.get("AEGIS_POLICY", "")),
    )


def _settings(pod: Object) -> Iterator[tuple[str, str]]:
    for container in (*items(pod, "spec", "initContainers"), *items(pod, "spec", "containers")):
        if text(container, "name") == PROXY_CONTAINER:
            for variable in items(container, "env"):
                yield text(variable, "name"), text(variable, "value")


def _name(value: str) -> str | None:
    return value if is_subdomain(value) else None


def _names(value: str) -> frozenset[str]:
    """A list with commas, as the webhook writes it; what is no name leads nowhere."""
    return frozenset(name for name in value.split(",") if is_subdomain(name))
