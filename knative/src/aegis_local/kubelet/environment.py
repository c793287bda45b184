"""A container's environment, arguments and the data that they come from. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from attrs import frozen

from aegis_local.client.resources import Object

POD_IP = "127.0.0.1"
NODE_NAME = "local"

_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(?P<what>labels|annotations)\['(?P<key>[^']+)'\]")


@frozen
class Source:
    """A ConfigMap or Secret of the pod's namespace."""

    kind: Literal["ConfigMap", "Secret"]
    name: str


Data = Mapping[Source, Mapping[str, bytes]]
"""What the sources hold. One that does not exist is absent."""


class Missing(Exception):  # says what is the matter
    """A ConfigMap, Secret, key or field that a container needs and that is not there (yet)."""


def field_of(pod: Object, path: str) -> str:
    """A field as the downward API gives it. Raises Missing for one that it does not have."""
    metadata, spec = pod["metadata"], pod["spec"]
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        return str((metadata.get(subscript["what"]) or {}).get(subscript["key"], ""))
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(metadata[path.removeprefix("metadata.")])
        case "metadata.labels" | "metadata.annotations":
            items = metadata.get(path.removeprefix("metadata.")) or {}
            return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(items.items()))
        case "spec.nodeName":
            return NODE_NAME
        case "spec.serviceAccountName":
            return str(spec.get("serviceAccountName", "default"))
        case "status.podIP" | "status.podIPs" | "status.hostIP" | "status.hostIPs":
            return POD_IP
        case _:
            raise Missing(f"the downward API has no field {path}")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` as the variable's value, `$$` as `$`; unknown names stay as they are."""

    def value(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        return variables.get(found["name"], found[0])

    return _REFERENCE.sub(value, text)


def variables_of(container: Object, pod: Object, data: Data) -> dict[str, str]:
    """The variables that a container's `envFrom` and `env` give, in order. Raises Missing."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        variables.update(_whole(source, data))
    for entry in container.get("env") or ():
        origin = entry.get("valueFrom")
        if origin is None:
            variables[entry["name"]] = expanded(entry.get("value", ""), variables)
        elif (value := _value_from(origin, pod, data)) is not None:
            variables[entry["name"]] = value
    return variables


def _whole(source: Object, data: Data) -> Iterator[tuple[str, str]]:
    found, reference = _source(source, "Ref")
    if found not in data:
        if not reference.get("optional"):
            raise Missing(f"{found.kind} {found.name} does not exist")
        return
    for key, value in data[found].items():
        yield source.get("prefix", "") + key, value.decode()


def _value_from(origin: Object, pod: Object, data: Data) -> str | None:
    if "fieldRef" in origin:
        return field_of(pod, origin["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in origin:
        raise Missing("resourceFieldRef is not known here: processes run without limits")
    found, reference = _source(origin, "KeyRef")
    value = data.get(found, {}).get(reference["key"])
    if value is None:
        if not reference.get("optional"):
            raise Missing(f"{found.kind} {found.name} has no key {reference['key']}")
        return None
    return value.decode()


def _source(origin: Object, suffix: str) -> tuple[Source, Object]:
    if f"configMap{suffix}" in origin:
        return Source("ConfigMap", origin[f"configMap{suffix}"]["name"]), origin[f"configMap{suffix}"]
    return Source("Secret", origin[f"secret{suffix}"]["name"]), origin[f"secret{suffix}"]


def sources_of(container: Object) -> set[Source]:
    """The ConfigMaps and Secrets that a container's environment needs."""
    found = {_source(source, "Ref")[0] for source in container.get("envFrom") or ()}
    for entry in container.get("env") or ():
        origin = entry.get("valueFrom") or {}
        if "configMapKeyRef" in origin or "secretKeyRef" in origin:
            found.add(_source(origin, "KeyRef")[0])
    return found
