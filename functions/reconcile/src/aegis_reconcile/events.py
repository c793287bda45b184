"""Which object a CloudEvent is about. The event is a hint: its content is never taken for the truth."""

from collections.abc import Mapping

from attrs import frozen

from aegis_api.names import is_label, is_subdomain
from aegis_api.reading import shown
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    POD,
    Key,
    text,
)

TICK = "dev.knative.sources.ping"
REFERENCES = frozenset(f"dev.knative.apiserver.ref.{verb}" for verb in ("add", "update", "delete"))

_RESOURCES = {
    (resource.api_version, resource.kind): resource
    for resource in (IDENTITY_PROVIDER, CLUSTER_IDENTITY_PROVIDER, IDENTITY, INGRESS_POLICY, POD)
}


class NotForUs(ValueError):  # it names what the event is, for its sender
    """An event that this function cannot act on. Its text says what came and what was wanted."""


@frozen
class OneObject:
    """Something happened to this object."""

    key: Key

    def __str__(self) -> str:
        return str(self.key)


@frozen
class Everything:
    """The tick: events are lost at times, so at times all is looked at."""

    def __str__(self) -> str:
        return "everything"


Work = OneObject | Everything


def work_of(event_type: str, data: object) -> Work:
    """What a CloudEvent asks for. Raises NotForUs.

    `data` of a reference event is a Kubernetes ObjectReference: `{"apiVersion", "kind", "namespace", "name"}`.
    """
    if event_type == TICK:
        return Everything()
    if event_type not in REFERENCES:
        raise NotForUs(
            f"the event type is {shown(event_type)}, wanted one of {', '.join([*sorted(REFERENCES), TICK])}; "
            "an ApiServerSource needs mode: Reference"
        )
    if not isinstance(data, Mapping):
        raise NotForUs(f"the event's data is {shown(data)}, wanted an object with apiVersion, kind, namespace and name")
    return OneObject(_key(data))


def _key(data: Mapping[str, object]) -> Key:
    api_version, kind = text(data, "apiVersion"), text(data, "kind")
    namespace, name = text(data, "namespace"), text(data, "name")
    resource = _RESOURCES.get((api_version, kind))
    if resource is None:
        known = ", ".join(f"{version} {kind}" for version, kind in _RESOURCES)
        raise NotForUs(f"the event is about {shown(f'{api_version} {kind}')}, wanted one of {known}")
    if not is_subdomain(name):
        raise NotForUs(f"the event's object has the name {shown(name)}, wanted the name of a {kind}")
    if resource.namespaced and not is_label(namespace):
        raise NotForUs(f"the event's object has the namespace {shown(namespace)}, wanted the namespace of a {kind}")
    return Key(resource, namespace if resource.namespaced else "", name)
