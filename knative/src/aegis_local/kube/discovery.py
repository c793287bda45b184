"""Discovery documents: which groups, versions and resources there are, old style and aggregated. Pure."""

from collections.abc import Iterable

from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, group_version

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SUBRESOURCE_VERBS = {
    "status": ["get", "patch", "update"],
    "scale": ["get", "patch", "update"],
    "finalize": ["update"],
    "token": ["create"],
}
_SUBRESOURCE_KINDS = {"scale": ("autoscaling", "v1", "Scale"), "token": ("authentication.k8s.io", "v1", "TokenRequest")}


def _served(kinds: Iterable[Kind]) -> list[Kind]:
    return [kind for kind in kinds if kind.verbs]


def _groups(kinds: Iterable[Kind]) -> dict[str, dict[str, list[Kind]]]:
    groups: dict[str, dict[str, list[Kind]]] = {}
    for kind in _served(kinds):
        groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return {
        group: dict(sorted(versions.items(), key=lambda pair: _priority(pair[0]))) for group, versions in groups.items()
    }


def _priority(version: str) -> tuple[int, int, int, str]:
    """Kubernetes' order of versions: v2, v1, v1beta1, v1alpha1, then anything else by name."""
    digits = version.removeprefix("v").replace("beta", " 1 ").replace("alpha", " 2 ").split()
    if not version.startswith("v") or not all(part.isdigit() for part in digits) or len(digits) not in (1, 3):
        return (3, 0, 0, version)
    major, stage, minor = (*map(int, digits), 0, 0)[:3]
    return (stage, -major, -minor, "")


def api_versions(address: str) -> Object:
    """`/api`: the versions of the core group. `address` is where this server is reached."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _group(name: str, versions: Iterable[str]) -> Object:
    entries = [{"groupVersion": group_version(name, version), "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def api_groups(kinds: Iterable[Kind]) -> Object:
    """`/apis`: an APIGroupList."""
    groups = [_group(name, versions) for name, versions in _groups(kinds).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(kinds: Iterable[Kind], name: str) -> Object | None:
    """`/apis/GROUP`: an APIGroup, or None."""
    versions = _groups(kinds).get(name) if name else None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def api_resources(kinds: Iterable[Kind], group: str, version: str) -> Object | None:
    """`/api/v1` and `/apis/GROUP/VERSION`: an APIResourceList, or None."""
    found = _groups(kinds).get(group, {}).get(version)
    if not found:
        return None
    resources: list[Object] = []
    for kind in found:
        entry: Object = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        resources.append(entry)
        for subresource in sorted(kind.subresources):
            group_of, version_of, name = _SUBRESOURCE_KINDS.get(subresource, ("", "", kind.kind))
            resources.append(
                {
                    "name": f"{kind.plural}/{subresource}",
                    "singularName": "",
                    "namespaced": kind.namespaced,
                    **({"group": group_of, "version": version_of} if group_of else {}),
                    "kind": name,
                    "verbs": SUBRESOURCE_VERBS[subresource],
                }
            )
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version(group, version),
        "resources": resources,
    }


def aggregated(kinds: Iterable[Kind], core: bool) -> Object:
    """An APIGroupDiscoveryList (apidiscovery.k8s.io/v2) of the core group, or of all the others."""
    items = []
    for group, versions in _groups(kinds).items():
        if (group == "") is core:
            listed = [
                {"version": version, "resources": [_resource(kind) for kind in found], "freshness": "Current"}
                for version, found in versions.items()
            ]
            items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _resource(kind: Kind) -> Object:
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    entry: Object = {
        "resource": kind.plural,
        "responseKind": own,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    subresources = []
    for subresource in sorted(kind.subresources):
        group, version, name = _SUBRESOURCE_KINDS.get(subresource, (kind.group, kind.version, kind.kind))
        subresources.append(
            {
                "subresource": subresource,
                "responseKind": {"group": group, "version": version, "kind": name},
                "verbs": SUBRESOURCE_VERBS[subresource],
            }
        )
    return entry | ({"subresources": subresources} if subresources else {})
