"""The app's probes, which the kubelet sends to the admin port and the proxy passes on to the app."""

import json
import re
from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from aegis_api.reading import Node, ParseError, shown


class Scheme(Enum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TCP = "TCP"
    GRPC = "GRPC"


@frozen
class Probe:
    """One probe: where the app itself would have been asked.

    `path` and `headers` are for HTTP and HTTPS; `service` is for GRPC (grpc.health.v1.HealthCheckRequest).
    """

    port: int
    scheme: Scheme = Scheme.HTTP
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""


_PROBE_KEY = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?/(?:startup|readiness|liveness)")
_TARGET = re.compile(r"/[!-~]{0,2047}")
_SCHEMES = {scheme.value: scheme for scheme in Scheme}
_SERVICE = re.compile(r"[!-~]{0,256}")
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FIELD_VALUE = re.compile(r"[\t -~\x80-\xff]{0,4096}")


def read_probes(text: str) -> Mapping[str, Probe]:
    """Reads `{"CONTAINER/startup|readiness|liveness": {port, scheme, path, headers: [{name, value}], service}}`.

    The members are those of Kubernetes' httpGet, tcpSocket and grpc probes. Raises ValueError with what was wanted.
    """
    if not text:
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a JSON object of probes") from None
    try:
        probes = {}
        for key, node in Node(document).entries():
            if not _PROBE_KEY.fullmatch(key):
                raise ParseError("", shown(key), "CONTAINER/startup, CONTAINER/readiness or CONTAINER/liveness")
            probes[key] = _probe(node)
    except ParseError as error:
        raise ValueError(f"a JSON object of probes ({error})") from None
    return probes


def _probe(node: Node) -> Probe:
    fields = node.fields()
    scheme = fields.optional("scheme")
    kind = scheme.one_of(_SCHEMES) if scheme else Scheme.HTTP
    port, path, headers, service = fields.required("port").integer(1, 65535), None, None, None
    if kind in (Scheme.HTTP, Scheme.HTTPS):
        path, headers = fields.optional("path"), fields.optional("headers")
    elif kind is Scheme.GRPC:
        service = fields.optional("service")
    fields.done()
    return Probe(
        port=port,
        scheme=kind,
        path=path.matching(_TARGET, "a path that starts with '/'") if path else "/",
        headers=headers.list_of(_header) if headers else (),
        service=service.matching(_SERVICE, "the name of a gRPC service") if service else "",
    )


def _header(node: Node) -> tuple[str, str]:
    fields = node.fields()
    name = fields.required("name").matching(_FIELD_NAME, "the name of an HTTP header")
    value = fields.optional("value")
    fields.done()
    return name, value.matching(_FIELD_VALUE, "a header value without controls") if value else ""
