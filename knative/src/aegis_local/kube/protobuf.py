"""Kubernetes' protobuf bodies, as kubectl's typed commands (`create role`, `auth can-i`) send them, to JSON. Pure.

A body is the magic `k8s\\0` and a `runtime.Unknown` that names the kind and holds its message
(https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). The messages' fields are in
`data/protobuf.json`, made by `tools/extract_protobuf.py`. Only reading is needed: who sends protobuf also takes JSON.
"""

import base64
import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from aegis_local.kube.objects import Object, split_group_version, timestamp

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_META = "k8s.io.apimachinery.pkg.apis.meta.v1"
_UNKNOWN = "k8s.io.apimachinery.pkg.runtime.Unknown"


class BadProtobufError(ValueError):
    """The body is not a Kubernetes object in protobuf; the text says why."""


@cache
def _messages() -> dict[str, dict[str, tuple[str, str, str]]]:
    text = files("aegis_local.kube").joinpath("data/protobuf.json").read_text()
    result: dict[str, dict[str, tuple[str, str, str]]] = json.loads(text)
    return result


def decoded(body: bytes) -> Object:
    """The object in a body. Raises BadProtobufError."""
    if not body.startswith(_MAGIC):
        raise BadProtobufError("the body does not start with the magic bytes of Kubernetes' protobuf")
    envelope: dict[int, bytes | int] = dict(_fields(body[len(_MAGIC) :]))
    type_meta = dict(_fields(_chunk(envelope.get(1, b""))))
    api_version, kind = (_chunk(type_meta.get(number, b"")).decode() for number in (1, 2))
    message = _message_name(api_version, kind)
    if message not in _messages():
        raise BadProtobufError(f"no protobuf form of {api_version} {kind} is known here: send JSON")
    return {"apiVersion": api_version, "kind": kind, **_message(message, _chunk(envelope.get(2, b"")))}


def _message_name(api_version: str, kind: str) -> str:
    if kind == "DeleteOptions":
        return f"{_META}.DeleteOptions"
    group, version = split_group_version(api_version)
    return f"k8s.io.api.{group.partition('.')[0] or 'core'}.{version}.{kind}"


def _chunk(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise BadProtobufError("a number lies where bytes were wanted")
    return value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise BadProtobufError("a number ends too early or is too long")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a message by number, as the wire has them: numbers and runs of bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == 0:
            number, position = _varint(data, position)
            yield tag >> 3, number
            continue
        size = {1: 8, 5: 4}.get(wire)
        if size is None:
            if wire != 2:
                raise BadProtobufError(f"wire type {wire} is not used by Kubernetes")
            size, position = _varint(data, position)
        if position + size > len(data):
            raise BadProtobufError("a field ends too early")
        yield tag >> 3, data[position : position + size]
        position += size


def _message(name: str, data: bytes) -> Any:
    if special := _SPECIAL.get(name):
        return special(dict(_fields(data)))
    if name.endswith(".ExtraValue"):
        return [_chunk(value).decode() for _, value in _fields(data)]
    known = _messages()[name]
    result: Object = {}
    for number, raw in _fields(data):
        if (field := known.get(str(number))) is None:
            continue
        key, kind, shape = field
        if shape == "map":
            pair = dict(_fields(_chunk(raw)))
            value = _value(kind, pair.get(2, b""))
            result.setdefault(key, {})[_chunk(pair.get(1, b"")).decode()] = value
        elif shape == "many":
            result.setdefault(key, []).append(_value(kind, raw))
        elif not key:
            result |= _value(kind, raw)
        elif (value := _value(kind, raw)) not in ("", None):
            # Go writes every field that is not a pointer: an empty text or time is one that was not set.
            result[key] = value
    return result


def _value(kind: str, raw: bytes | int) -> Any:
    match kind:
        case "string":
            return _chunk(raw).decode()
        case "bytes":
            return base64.b64encode(_chunk(raw)).decode()
        case "bool":
            return bool(raw)
        case "int32" | "int64" | "uint32":
            return _signed(raw)
        case _:
            return _message(kind, _chunk(raw))


def _signed(raw: bytes | int) -> int:
    if not isinstance(raw, int):
        raise BadProtobufError("bytes lie where a number was wanted")
    return raw - (1 << 64) if raw >> 63 else raw


def _time(fields: dict[int, bytes | int]) -> str | None:
    seconds = _signed(fields.get(1, 0))
    return timestamp(seconds) if seconds > 0 else None


def _int_or_string(fields: dict[int, bytes | int]) -> int | str:
    return _chunk(fields.get(3, b"")).decode() if fields.get(1, 0) else _signed(fields.get(2, 0))


_SPECIAL: dict[str, Callable[[dict[int, bytes | int]], Any]] = {
    f"{_META}.Time": _time,
    f"{_META}.MicroTime": _time,
    f"{_META}.FieldsV1": lambda fields: json.loads(_chunk(fields.get(1, b"{}")) or b"{}"),
    "k8s.io.apimachinery.pkg.api.resource.Quantity": lambda fields: _chunk(fields.get(1, b"")).decode(),
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
}
