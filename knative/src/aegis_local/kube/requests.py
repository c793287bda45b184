"""What a request asks for: the verb and resource that Kubernetes reads from method, path and query. Pure."""

import re
from collections.abc import Mapping

from attrs import evolve, frozen

from aegis_local.kube.errors import bad_request
from aegis_local.kube.kinds import Kind
from aegis_local.kube.selectors import named_by

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@frozen
class Query:
    """The query of a request; a parameter that occurs twice counts once, with its first value."""

    values: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")

    def flag(self, name: str) -> bool:
        """A boolean as Go's conversion takes it: present and neither false nor 0."""
        return bool(self.values.get(name)) and self.text(name).lower() not in ("false", "0")

    def number(self, name: str) -> int | None:
        text = self.text(name)
        if not text:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise bad_request(f'the query parameter {name} must be a whole number, not "{text}"')
        return int(text)

    @property
    def dry_run(self) -> bool:
        values = self.values.get("dryRun", ())
        if any(value != "All" for value in values):
            raise bad_request(f'dryRun: Unsupported value: "{values[0]}": supported values: "All"')
        return bool(values)


@frozen
class ResourceRequest:
    """A request for a resource: what authorisation and the handlers judge by."""

    verb: str
    group: str
    version: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    kind: Kind | None = None

    @property
    def described(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def parse_resource_request(method: str, path: str, query: Query) -> ResourceRequest | None:
    """The resource that a path names; None for every other path (discovery, health, metrics of the server)."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        # `namespaces/NAME/status` is a subresource of the namespace itself, everything else lies in it.
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    if len(rest) > 3:
        return None
    resource, name, subresource = (*rest, "", "")[:3]
    request = ResourceRequest(
        _VERBS.get(method, method.lower()), group, version, resource, subresource, namespace, name
    )
    return _of_collection(request, query) if not name else request


def _of_collection(request: ResourceRequest, query: Query) -> ResourceRequest:
    """A GET or DELETE without a name is a list, watch or deletecollection; a field selector may name an object."""
    if request.verb == "get":
        verb = "watch" if query.flag("watch") else "list"
        return evolve(request, verb=verb, name=named_by(query.text("fieldSelector")))
    if request.verb == "delete":
        return evolve(request, verb="deletecollection", name=named_by(query.text("fieldSelector")))
    return request
