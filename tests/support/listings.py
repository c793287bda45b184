"""Objects, lists and watch events as an API server sends them."""

import json
from typing import Any

from aegis_api.resources import API_VERSION
from aegis_proxy.core.listing_words import LineCame, Listed

Object = dict[str, Any]


def policy(
    version: int | str, *, uid: str = "u1", name: str = "orders", namespace: str = "shop", path: str = "/"
) -> Object:
    """An IngressPolicy that lets everyone with a good token GET `path`."""
    rule = {"name": "all", "identities": ["*"], "methods": ["GET"], "paths": [path]}
    return {
        "apiVersion": API_VERSION,
        "kind": "IngressPolicy",
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)},
        "spec": {"rules": [rule]},
    }


def list_document(version: int | str, *items: object, kind: str = "IngressPolicy") -> Object:
    metadata = {"resourceVersion": str(version)}
    return {"apiVersion": API_VERSION, "kind": f"{kind}List", "metadata": metadata, "items": list(items)}


def listed(version: int | str, *items: object) -> Listed:
    return Listed(list_document(version, *items))


def line(kind: str, document: object) -> bytes:
    return json.dumps({"type": kind, "object": document}).encode()


def came(kind: str, document: object) -> LineCame:
    return LineCame(line(kind, document))


def bookmark(version: int | str, kind: str = "IngressPolicy") -> Object:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"resourceVersion": str(version)}}


def error(code: int, reason: str = "Expired") -> Object:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
