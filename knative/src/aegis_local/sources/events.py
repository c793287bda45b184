"""The CloudEvents of the sources, in binary mode (CloudEvents 1.0, HTTP binding section 3.1). Pure."""

import base64
import json
from collections.abc import Mapping

from attrs import field, frozen

from aegis_local.client.resources import Object
from aegis_local.client.watching import Change

_VERBS: dict[Change, str] = {"ADDED": "add", "MODIFIED": "update", "DELETED": "delete"}


@frozen
class Event:
    """One event as it is sent: the body, and headers that hold its attributes."""

    headers: Mapping[str, str] = field(hash=False)
    body: bytes


def guessed_plural(kind: str) -> str:
    """The plural that Knative puts into subjects (apimachinery's UnsafeGuessKindToResource)."""
    singular = kind.lower()
    if singular.endswith("s"):
        return singular + "es"
    return singular[:-1] + "ies" if singular.endswith("y") else singular + "s"


def _attributes(kind: str, source: str, ident: str, time: str, extensions: Mapping[str, str]) -> dict[str, str]:
    named = {"specversion": "1.0", "id": ident, "type": kind, "source": source, "time": time, **extensions}
    return {f"Ce-{name.capitalize()}": value for name, value in named.items()}


def reference_event(
    change: Change, obj: Object, server: str, ident: str, time: str, extensions: Mapping[str, str]
) -> Event:
    """What ApiServerSource sends in Reference mode: `dev.knative.apiserver.ref.{add,update,delete}`.

    `server` is the API server's URL: it is the event's source.
    """
    metadata = obj["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    reference = {"kind": obj["kind"], "namespace": namespace, "name": name, "apiVersion": obj["apiVersion"]}
    subject = f"/apis/{obj['apiVersion']}/namespaces/{namespace}/{guessed_plural(obj['kind'])}/{name}"
    own = {
        "subject": subject,
        "apiversion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": name,
        "namespace": namespace,
    }
    headers = _attributes(f"dev.knative.apiserver.ref.{_VERBS[change]}", server, ident, time, {**own, **extensions})
    body = json.dumps({key: value for key, value in reference.items() if value}).encode()
    return Event({**headers, "Content-Type": "application/json", "Kn-Namespace": namespace}, body)


def ping_event(source: Object, ident: str, time: str) -> Event:
    """What PingSource sends: `dev.knative.sources.ping` with the `data` or `dataBase64` of its spec."""
    spec, metadata = source["spec"], source["metadata"]
    namespace = metadata["namespace"]
    origin = f"/apis/v1/namespaces/{namespace}/pingsources/{metadata['name']}"
    headers = _attributes("dev.knative.sources.ping", origin, ident, time, extensions_of(source))
    encoded = spec.get("dataBase64")
    body = base64.b64decode(encoded) if encoded else str(spec.get("data", "")).encode()
    content_type = spec.get("contentType") or ("application/json" if not encoded else "application/octet-stream")
    return Event({**headers, "Content-Type": content_type, "Kn-Namespace": namespace}, body)


def extensions_of(source: Object) -> dict[str, str]:
    """The constant extensions of `spec.ceOverrides`."""
    return dict((source["spec"].get("ceOverrides") or {}).get("extensions") or {})
