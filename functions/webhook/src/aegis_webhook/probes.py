"""The kubelet's probes of containers whose port only the proxy may be reached by.

The kubelet has no token. Such a probe becomes an httpGet of the proxy's admin port, `/app-health/CONTAINER/KIND`, and
the proxy, told by AEGIS_PROBES what was meant, asks the app on loopback. Exec probes need no network.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aegis_api.annotations import ADMIN_PORT
from aegis_api.reading import Node
from aegis_webhook.decision import Object, Refused
from aegis_webhook.pods import Container, at, containers, objects_at

KINDS = {"startupProbe": "startup", "readinessProbe": "readiness", "livenessProbe": "liveness"}

Recorded = Mapping[str, Object]
"""What AEGIS_PROBES holds: `CONTAINER/KIND` -> port, scheme (HTTP, HTTPS, TCP, GRPC), path, headers, service."""

_HANDLERS = ("httpGet", "tcpSocket", "grpc")
_PATH = re.compile(r"[!-~]{0,2047}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADER_VALUE = re.compile(r"[\t -~]{0,4096}")


def turn_to_proxy(pod: Object, captured: Callable[[int], bool]) -> dict[str, Object]:
    """Changes the probes of captured ports in `pod`, and gives what the proxy must know. Raises ParseError."""
    recorded = {}
    for container, field, probe in _probes(pod):
        for handler in _HANDLERS:
            asked = _asked(container, probe, handler)
            if asked is not None and captured(asked["port"]):
                key = f"{container.name}/{KINDS[field]}"
                recorded[key] = asked
                del container.fields[field][handler]
                container.fields[field]["httpGet"] = _turned(key)
    return recorded


def turn_back(pod: Object, recorded: Recorded) -> None:
    """Undoes `turn_to_proxy` in `pod`, so that a pod that was injected already can be judged anew. Raises Refused."""
    for container, field, probe in _probes(pod):
        key = f"{container.name}/{KINDS[field]}"
        path = at(probe, "httpGet", "path")
        if path is None or path.value != _turned(key)["path"] or container.fields[field]["httpGet"] != _turned(key):
            continue
        if key not in recorded:
            raise Refused(f"{probe.path}: only the webhook makes probes of {path.value}: probe the app itself")
        del container.fields[field]["httpGet"]
        container.fields[field].update(_handler(recorded[key]))


def to_variable(recorded: Recorded) -> str:
    """The value of AEGIS_PROBES: compact, and the same for the same probes.

    Without a `$`, for the kubelet expands `$(NAME)` in variables.
    """
    return json.dumps(recorded, separators=(",", ":"), sort_keys=True).replace("$", "\\u0024")


def from_variable(text: str) -> Recorded:
    """The reverse of `to_variable`, for what may come from anybody: what it cannot be is left out."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {key: value for key, value in document.items() if isinstance(value, dict)}


def hooks_at(pod: Object, captured: Callable[[int], bool]) -> Iterator[str]:
    """The paths of lifecycle hooks that ask a captured port: they pass the proxy like any caller, without a token."""
    for container in containers(pod):
        for hook in ("postStart", "preStop"):
            asked = at(Node(container.fields, container.path), "lifecycle", hook, "httpGet")
            port = _port(container, asked) if asked else None
            if asked and port is not None and captured(port):
                yield asked.path


def _turned(key: str) -> Object:
    return {"path": f"/app-health/{key}", "port": ADMIN_PORT, "scheme": "HTTP"}


def _probes(pod: Object) -> Iterator[tuple[Container, str, Node]]:
    for container in containers(pod):
        for field in KINDS:
            probe = at(Node(container.fields, container.path), field)
            if probe:
                yield container, field, probe


def _asked(container: Container, probe: Node, handler: str) -> Object | None:
    """What the probe asks, None if it is no such probe, asks another host, or names a port that is not there."""
    asked = at(probe, handler)
    port = _port(container, asked) if asked else None
    if asked is None or port is None or at(asked, "host"):
        return None
    if handler == "tcpSocket":
        return {"port": port, "scheme": "TCP"}
    if handler == "grpc":
        service = at(asked, "service")
        return {"port": port, "scheme": "GRPC"} | ({"service": service.string()} if service else {})
    return {"port": port, **_http(asked)}


def _http(asked: Node) -> Object:
    scheme, path = at(asked, "scheme"), at(asked, "path")
    wanted = "a path of visible ASCII characters, at most 2048"
    text = path.matching(_PATH, wanted) if path else ""
    headers = [_header(header) for header, _ in objects_at(asked, "httpHeaders")]
    http = {
        "path": text if text.startswith("/") else "/" + text,
        "scheme": scheme.one_of({"HTTP": "HTTP", "HTTPS": "HTTPS"}) if scheme else "HTTP",
    }
    return {**http, "headers": headers} if headers else http


def _header(node: Node) -> Object:
    fields = node.fields()
    value = fields.optional("value")
    return {
        "name": fields.required("name").matching(_HEADER_NAME, "the name of an HTTP header"),
        "value": value.matching(_HEADER_VALUE, "a header value of visible ASCII characters") if value else "",
    }


def _port(container: Container, asked: Node) -> int | None:
    """The number of the port, which may be given by the name of one of the container's ports."""
    port = at(asked, "port")
    if port is None or isinstance(port.value, int):
        return port.integer(1, 65535) if port else None
    for _, fields in objects_at(Node(container.fields, container.path), "ports"):
        if fields.get("name") == port.value and isinstance(fields.get("containerPort"), int):
            return int(fields["containerPort"])
    return None


def _handler(asked: Object) -> dict[str, Any]:
    match asked.get("scheme"):
        case "TCP":
            return {"tcpSocket": {"port": asked.get("port")}}
        case "GRPC":
            return {"grpc": {key: asked[key] for key in ("port", "service") if key in asked}}
        case _:
            http = {key: asked[key] for key in ("port", "path", "scheme") if key in asked}
            return {"httpGet": http | ({"httpHeaders": asked["headers"]} if "headers" in asked else {})}
