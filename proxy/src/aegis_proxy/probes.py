"""The app's httpGet probes, which the kubelet sends to the admin port and the proxy passes on to the app."""

import json
import re
from collections.abc import Mapping

from attrs import frozen

from aegis_api.reading import Node, ParseError, shown


@frozen
class Probe:
    """One httpGet probe: where the app itself would have been asked."""

    port: int
    path: str = "/"
    scheme: str = "HTTP"
    headers: tuple[tuple[str, str], ...] = ()


_PROBE_KEY = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?/(?:startup|readiness|liveness)")
_TARGET = re.compile(r"/[!-~]{0,2047}")
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FIELD_VALUE = re.compile(r"[\t -~\x80-\xff]{0,4096}")


def read_probes(text: str) -> Mapping[str, Probe]:
    """Reads `{"CONTAINER/startup|readiness|liveness": {port, path, scheme, headers: [{name, value}]}}`.

    The members are those of a Kubernetes httpGet probe. Raises ValueError with what was wanted.
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
    path, scheme, headers = fields.optional("path"), fields.optional("scheme"), fields.optional("headers")
    port = fields.required("port").integer(1, 65535)
    fields.done()
    return Probe(
        port=port,
        path=path.matching(_TARGET, "a path that starts with '/'") if path else "/",
        scheme=scheme.one_of({"HTTP": "HTTP", "HTTPS": "HTTPS"}) if scheme else "HTTP",
        headers=headers.list_of(_header) if headers else (),
    )


def _header(node: Node) -> tuple[str, str]:
    fields = node.fields()
    name = fields.required("name").matching(_FIELD_NAME, "the name of an HTTP header")
    value = fields.optional("value")
    fields.done()
    return name, value.matching(_FIELD_VALUE, "a header value without controls") if value else ""
