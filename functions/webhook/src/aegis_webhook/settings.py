"""What a pod's annotations ask for. Every value is checked here, and nothing else reads them."""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeVar

from attrs import frozen

from aegis_api import annotations as names
from aegis_api.hosts import normal_host
from aegis_api.names import object_name
from aegis_api.reading import Node, ParseError
from aegis_webhook.decision import Skip, SkipReason
from aegis_webhook.quantities import Quantity, cpu, memory

T = TypeVar("T")

_OF_INGRESS = (
    names.INGRESS_PORT,
    names.INGRESS_POLICY,
    names.INGRESS_HOSTS,
    names.INGRESS_PROTOCOL,
    names.EXCLUDE_INBOUND_PORTS,
)
_OF_EGRESS = (names.EGRESS_AUTHORIZATION, names.EXCLUDE_OUTBOUND_PORTS, names.EXCLUDE_OUTBOUND_CIDRS)
_OF_IPTABLES = (names.EXCLUDE_INBOUND_PORTS, names.EXCLUDE_OUTBOUND_PORTS, names.EXCLUDE_OUTBOUND_CIDRS)
_RESOURCES = (
    names.PROXY_CPU_REQUEST,
    names.PROXY_CPU_LIMIT,
    names.PROXY_MEMORY_REQUEST,
    names.PROXY_MEMORY_LIMIT,
)
KNOWN = (
    names.INGRESS,
    names.EGRESS,
    names.IDENTITY,
    names.IDENTITY_PROVIDER,
    names.REDIRECT,
    names.LOG_LEVEL,
    names.LOG_ACCESS,
    *_OF_INGRESS,
    *_OF_EGRESS,
    *_RESOURCES,
)

PROXY_PORTS = frozenset({names.INGRESS_PROXY_PORT, names.EGRESS_PROXY_PORT, names.ADMIN_PORT})

_PORT = re.compile(r"[1-9][0-9]{0,4}")
_SWITCH = {"true": True, "false": False}
# As the proxy's --ingress-protocol takes them.
_PROTOCOLS = {protocol: protocol for protocol in ("auto", "http1", "h2c")}
# As the proxy's --egress-authorization takes them.
_AUTHORIZATIONS = {mode: mode for mode in ("refuse", "keep")}
_LOG_LEVELS = {level: level for level in ("debug", "info", "warning", "error")}


class Redirect(Enum):
    """How traffic reaches the proxy: by rules of an init container, or because callers and the app are told."""

    IPTABLES = "iptables"
    NONE = "none"


@frozen
class Ingress:
    """`ports` are those that only the proxy may be reached by; none means all but `excluded_ports`. `protocol` is what
    the app speaks.
    """

    ports: tuple[int, ...] = ()
    excluded_ports: tuple[int, ...] = ()
    policies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    protocol: str = "auto"


@frozen
class Egress:
    """Connections to the excluded ports and networks go past the proxy.

    `authorization`: what becomes of an app's own Authorization to a host that gets a token.
    """

    excluded_ports: tuple[int, ...] = ()
    excluded_cidrs: tuple[str, ...] = ()
    authorization: str = "refuse"


@frozen
class Resources:
    """What an annotation says about the sidecar's share; None: it says nothing."""

    cpu_request: Quantity | None = None
    cpu_limit: Quantity | None = None
    memory_request: Quantity | None = None
    memory_limit: Quantity | None = None


@frozen
class PodSettings:
    """At least one of `ingress` and `egress` is there. `identity` and `providers` hold names, not both none."""

    ingress: Ingress | None
    egress: Egress | None
    identity: str = ""
    providers: tuple[str, ...] = ()
    redirect: Redirect = Redirect.IPTABLES
    log_level: str = "info"
    log_access: bool = False
    resources: Resources = Resources()


def read_pod_settings(annotations: Mapping[str, str], namespace: str) -> PodSettings | Skip:
    """What the annotations of a pod of `namespace` ask for. Raises ParseError with the annotation in its path."""
    ours = _Annotations({key: value for key, value in annotations.items() if key.startswith(names.PREFIX)})
    ours.check_names()
    if not ours.values:
        return Skip((SkipReason.NOT_ASKED,))
    ingress, egress = ours.switch(names.INGRESS, _OF_INGRESS), ours.switch(names.EGRESS, _OF_EGRESS)
    if not ingress and not egress:
        if names.INGRESS not in ours.values and names.EGRESS not in ours.values:
            lonely = next(iter(ours.values))
            raise ours.wrong(lonely, f'{names.INGRESS}: "true" or {names.EGRESS}: "true" beside it')
        return Skip((SkipReason.SWITCHED_OFF,))
    settings = PodSettings(
        ingress=_ingress(ours, namespace) if ingress else None,
        egress=_egress(ours) if egress else None,
        identity=ours.read(names.IDENTITY, object_name, ""),
        providers=ours.read(names.IDENTITY_PROVIDER, _providers, ()),
        redirect=ours.read(names.REDIRECT, _redirect, Redirect.IPTABLES),
        log_level=ours.read(names.LOG_LEVEL, lambda node: node.one_of(_LOG_LEVELS), "info"),
        log_access=ours.read(names.LOG_ACCESS, lambda node: node.one_of(_SWITCH), False),
        resources=_resources(ours),
    )
    _check_together(settings, ours)
    return settings


@frozen
class _Annotations:
    """The annotations of ours, and how one of them is refused."""

    values: dict[str, str]

    def node(self, name: str) -> Node:
        return Node(self.values.get(name), f"metadata.annotations[{name}]")

    def read(self, name: str, reader: Callable[[Node], T], default: T) -> T:
        return reader(self.node(name)) if name in self.values else default

    def wrong(self, name: str, wanted: str) -> ParseError:
        return self.node(name).refuse(wanted)

    def check_names(self) -> None:
        for name in self.values:
            if name not in KNOWN:
                near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0)[0]
                raise ParseError(
                    "metadata.annotations", f"the unknown annotation {name}", f"a known one: the nearest is {near}"
                )

    def switch(self, name: str, dependents: tuple[str, ...]) -> bool:
        """Whether `name` is on. Without it, its dependents would silently do nothing."""
        if name in self.values:
            return self.node(name).one_of(_SWITCH)
        for dependent in dependents:
            if dependent in self.values:
                raise self.wrong(dependent, f'{name}: "true" beside it')
        return False


def _ingress(ours: _Annotations, namespace: str) -> Ingress:
    return Ingress(
        ports=ours.read(names.INGRESS_PORT, _ports, ()),
        excluded_ports=ours.read(names.EXCLUDE_INBOUND_PORTS, _ports, ()),
        policies=ours.read(names.INGRESS_POLICY, lambda node: _list(node, object_name), ()),
        hosts=ours.read(names.INGRESS_HOSTS, lambda node: _list(node, lambda item: _host(item, namespace)), ()),
        protocol=ours.read(names.INGRESS_PROTOCOL, lambda node: node.one_of(_PROTOCOLS), "auto"),
    )


def _egress(ours: _Annotations) -> Egress:
    return Egress(
        excluded_ports=ours.read(names.EXCLUDE_OUTBOUND_PORTS, _ports, ()),
        excluded_cidrs=ours.read(names.EXCLUDE_OUTBOUND_CIDRS, lambda node: _list(node, _cidr), ()),
        authorization=ours.read(names.EGRESS_AUTHORIZATION, lambda node: node.one_of(_AUTHORIZATIONS), "refuse"),
    )


def _resources(ours: _Annotations) -> Resources:
    resources = Resources(
        cpu_request=ours.read(names.PROXY_CPU_REQUEST, cpu, None),
        cpu_limit=ours.read(names.PROXY_CPU_LIMIT, cpu, None),
        memory_request=ours.read(names.PROXY_MEMORY_REQUEST, memory, None),
        memory_limit=ours.read(names.PROXY_MEMORY_LIMIT, memory, None),
    )
    for name, request, limit in (
        (names.PROXY_CPU_REQUEST, resources.cpu_request, resources.cpu_limit),
        (names.PROXY_MEMORY_REQUEST, resources.memory_request, resources.memory_limit),
    ):
        if request and limit and request.amount > limit.amount:
            raise ours.wrong(name, f"at most the limit, {limit.text}")
    return resources


def _check_together(settings: PodSettings, ours: _Annotations) -> None:
    """The rules that span annotations."""
    if settings.egress and not settings.identity:
        raise ours.wrong(names.EGRESS, f"{names.IDENTITY} beside it: requests go out with an Identity's token")
    if not settings.identity and not settings.providers:
        raise ours.wrong(
            names.INGRESS,
            f"{names.IDENTITY} or {names.IDENTITY_PROVIDER} beside it: one of them says whose tokens count",
        )
    ingress = settings.ingress
    if ingress and ingress.ports and ingress.excluded_ports:
        raise ours.wrong(
            names.EXCLUDE_INBOUND_PORTS, f"no {names.INGRESS_PORT} beside it: that one names all that is not excluded"
        )
    if settings.redirect is Redirect.NONE:
        for name in _OF_IPTABLES:
            if name in ours.values:
                raise ours.wrong(name, f'{names.REDIRECT}: "iptables" beside it: nothing else is redirected')
        if ingress and len(ingress.ports) != 1:
            raise ours.wrong(names.INGRESS_PORT, f'one port, that of the app, with {names.REDIRECT}: "none"')


def _redirect(node: Node) -> Redirect:
    return node.one_of({redirect.value: redirect for redirect in Redirect})


def _list(node: Node, reader: Callable[[Node], T]) -> tuple[T, ...]:
    """Items with commas between them, each once."""
    items = tuple(reader(Node(text, node.path)) for text in node.string().split(","))
    if len(set(items)) != len(items):
        raise node.refuse("each item once")
    return items


def _providers(node: Node) -> tuple[str, ...]:
    providers = _list(node, object_name)
    if len(providers) > names.MOST_PROVIDERS:
        raise node.refuse(f"at most {names.MOST_PROVIDERS} providers")
    return providers


def _ports(node: Node) -> tuple[int, ...]:
    return _list(node, lambda item: _port(item, node))


def _port(item: Node, whole: Node) -> int:
    wanted = "ports from 1 to 65535, with commas and no spaces between them"
    if not isinstance(item.value, str) or not _PORT.fullmatch(item.value) or int(item.value) > 65535:
        raise whole.refuse(wanted)
    if int(item.value) in PROXY_PORTS:
        raise whole.refuse(f"ports of the app; {item.value} is the proxy's own")
    return int(item.value)


def _host(node: Node, namespace: str) -> str:
    host = normal_host(node.string(), namespace)
    if host is None or "." not in host:
        raise node.refuse("names of Services like orders or orders.shop.svc, with commas and no spaces between them")
    return host


def _cidr(node: Node) -> str:
    try:
        network = ipaddress.ip_network(node.string()) if "/" in node.string() else None
    except ValueError:
        network = None
    if network is None or "%" in node.string():
        raise node.refuse("networks like 10.0.0.0/8 or fd00::/8, with commas and no spaces between them")
    return str(network)
