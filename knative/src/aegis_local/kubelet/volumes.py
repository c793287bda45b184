"""The files of a pod's volumes. Pure."""

from collections.abc import Iterator, Mapping

from attrs import frozen

from aegis_local.client.resources import Object
from aegis_local.kubelet.environment import Data, Missing, Source, field_of

Files = Mapping[str, bytes]
"""Relative path -> content."""


@frozen
class TokenSpec:
    """A projected ServiceAccount token; an empty audience means the API server itself."""

    audience: str
    seconds: int


Tokens = Mapping[TokenSpec, bytes]

WRITTEN = ("projected", "configMap", "secret", "downwardAPI")


def _parts(volume: Object) -> list[Object]:
    """The sources of a volume; a plain ConfigMap or Secret volume is a projection of one source."""
    if "projected" in volume:
        return list(volume["projected"].get("sources") or ())
    if "secret" in volume:
        secret = volume["secret"]
        return [{"secret": {**secret, "name": secret["secretName"]}}]
    return [{kind: volume[kind]} for kind in WRITTEN if kind in volume]


def volumes_of(pod: Object) -> list[Object]:
    return list(pod["spec"].get("volumes") or ())


def sources_of(pod: Object) -> set[Source]:
    """The ConfigMaps and Secrets that the pod's volumes need."""
    found = set()
    for volume in volumes_of(pod):
        for part in _parts(volume):
            if "configMap" in part:
                found.add(Source("ConfigMap", part["configMap"]["name"]))
            if "secret" in part:
                found.add(Source("Secret", part["secret"]["name"]))
    return found


def tokens_of(pod: Object) -> set[TokenSpec]:
    """The tokens that the pod's volumes need."""
    return {
        _token(part["serviceAccountToken"])
        for volume in volumes_of(pod)
        for part in _parts(volume)
        if "serviceAccountToken" in part
    }


def _token(source: Object) -> TokenSpec:
    return TokenSpec(source.get("audience", ""), int(source.get("expirationSeconds", 3600)))


def files_of(volume: Object, pod: Object, data: Data, tokens: Tokens) -> Files | None:
    """The content of a volume; None for one that is just a folder. Raises environment.Missing."""
    if not any(kind in volume for kind in WRITTEN):
        if "emptyDir" in volume:
            return None
        kind = next((key for key in volume if key != "name"), "no source")
        raise Missing(f"volume {volume['name']}: volumes of type {kind} are not known here")
    files: dict[str, bytes] = {}
    for part in _parts(volume):
        files.update(_files(part, pod, data, tokens))
    return files


def _files(part: Object, pod: Object, data: Data, tokens: Tokens) -> Iterator[tuple[str, bytes]]:
    if "serviceAccountToken" in part:
        source = part["serviceAccountToken"]
        yield source["path"], tokens[_token(source)]
    elif "downwardAPI" in part:
        for item in part["downwardAPI"].get("items") or ():
            if "fieldRef" not in item:
                raise Missing("resourceFieldRef is not known here: processes run without limits")
            yield item["path"], field_of(pod, item["fieldRef"]["fieldPath"]).encode()
    elif "configMap" in part:
        yield from _keys(Source("ConfigMap", part["configMap"]["name"]), part["configMap"], data)
    elif "secret" in part:
        yield from _keys(Source("Secret", part["secret"]["name"]), part["secret"], data)
    else:
        raise Missing(f"a projection of {', '.join(part)} is not known here")


def _keys(source: Source, reference: Object, data: Data) -> Iterator[tuple[str, bytes]]:
    found, optional = data.get(source), reference.get("optional", False)
    if found is None:
        if not optional:
            raise Missing(f"{source.kind} {source.name} does not exist")
        return
    items = reference.get("items")
    if items is None:
        yield from found.items()
        return
    for item in items:
        if item["key"] in found:
            yield item["path"], found[item["key"]]
        elif not optional:
            raise Missing(f"{source.kind} {source.name} has no key {item['key']}")
