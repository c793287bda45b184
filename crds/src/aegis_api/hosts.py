"""Host names of destinations, and the patterns that say which of them may receive an identity's token."""

import re

from attrs import frozen

from aegis_api.reading import Node

_NAME = r"(?=.{1,253}\Z)[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?)*"
_PATTERN = re.compile(rf"(?:\*\.)?{_NAME}")
_HOST = re.compile(_NAME)
_CLUSTER_DOMAIN = ".svc.cluster.local"


def normal_host(host: str, namespace: str) -> str | None:
    """The one spelling of a dialled host name, or None where it is no host name.

    Lower case, without the trailing dot of a fully qualified name, without the cluster domain
    (`a.shop.svc.cluster.local` is `a.shop.svc`), and a single label is a Service of the caller's own `namespace`,
    as the cluster's DNS resolves it.
    """
    name = host.lower().removesuffix(".")
    if not host.isascii() or not _HOST.fullmatch(name):  # the Kelvin sign's lower case is an ASCII k
        return None
    if name.endswith(_CLUSTER_DOMAIN):
        name = name.removesuffix(".cluster.local")
    if "." not in name and name != "localhost":
        name = f"{name}.{namespace}.svc"
    return name


def service_of(host: str) -> tuple[str, str] | None:
    """(service, namespace) of a normal host `<service>.<namespace>.svc`; None for every other host."""
    labels = host.split(".")
    if len(labels) == 3 and labels[2] == "svc":
        return labels[0], labels[1]
    return None


def service_host(host: str) -> str | None:
    """`<service>.<namespace>.svc` of a normal host that is a Service or a pod behind one (`db-0.db.shop.svc`)."""
    labels = host.split(".")
    return ".".join(labels[-3:]) if len(labels) >= 3 and labels[-1] == "svc" else None


@frozen
class HostPattern:
    """`*.example.com` stands for every name below example.com; any other text stands for itself."""

    text: str

    @property
    def exact(self) -> bool:
        return not self.text.startswith("*.")

    def matches(self, host: str) -> bool:
        """Whether a normal host (see `normal_host`) falls under this pattern."""
        return host == self.text if self.exact else host.endswith(self.text[1:])


def host_pattern(node: Node) -> HostPattern:
    """Reads a pattern. The cluster domain is cut off as in `normal_host`, so that both spellings are one."""
    wanted = "a lower-case host name, or '*.' and a host name"
    text = node.matching(_PATTERN, wanted)
    return HostPattern(text.removesuffix(".cluster.local") if text.endswith(_CLUSTER_DOMAIN) else text)
