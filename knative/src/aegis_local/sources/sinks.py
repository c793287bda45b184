"""Where a source sends: `spec.sink`, as a URL. Pure."""

from collections.abc import Mapping

from aegis_local.client.resources import KNATIVE_SERVICES, Key, Object, is_true


class NoSink(Exception):  # says what is the matter
    """The sink is not there, or not yet ready. The text says which."""


def sink_url(source: Object, services: Mapping[Key, Object]) -> str:
    """The sink's URL: the address of a Knative Service, or the `uri` itself. Raises NoSink."""
    sink = source["spec"].get("sink") or {}
    reference, uri = sink.get("ref"), sink.get("uri", "")
    if reference is None:
        if not uri:
            raise NoSink("spec.sink has neither ref nor uri")
        return str(uri)
    if (reference["apiVersion"], reference["kind"]) != (KNATIVE_SERVICES.api_version, KNATIVE_SERVICES.kind):
        raise NoSink(f"a sink of kind {reference['kind']} ({reference['apiVersion']}) is not known here")
    key = Key(reference.get("namespace") or source["metadata"]["namespace"], reference["name"])
    service = services.get(key)
    if service is None:
        raise NoSink(f"the Knative Service {key} does not exist")
    address = (service.get("status", {}).get("address") or {}).get("url")
    if not address or not is_true(service, "Ready"):
        raise NoSink(f"the Knative Service {key} is not ready")
    return str(address).rstrip("/") + (uri or "/")
