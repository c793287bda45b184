"""Identity: what a pod assumes."""

from collections.abc import Mapping

from attrs import field, frozen

from aegis_api.hosts import HostPattern, host_pattern
from aegis_api.metadata import Metadata, read_metadata
from aegis_api.names import Subject, object_name
from aegis_api.reading import Node
from aegis_api.status import texts

DEFAULT_HOSTS = (HostPattern("*.svc"),)


@frozen
class Identity:
    """A ServiceAccount of the Identity's namespace, federated with `provider`.

    `hosts` are the only destinations that ever receive this identity's token. The default is `*.svc`, which also stands
    for `*.svc.cluster.local` (see `hosts.normal_host`). `provider_metadata` is what the status keeps for the plugin:
    ids of what exists for this identity at the provider.
    """

    metadata: Metadata
    provider: str
    service_account: str
    hosts: tuple[HostPattern, ...] = DEFAULT_HOSTS
    provider_metadata: Mapping[str, str] = field(factory=dict, hash=False)

    @property
    def subject(self) -> Subject:
        return Subject(self.metadata.namespace, self.service_account)

    def may_send_to(self, host: str) -> bool:
        """Whether a normal host (see `hosts.normal_host`) may receive this identity's token."""
        return any(pattern.matches(host) for pattern in self.hosts)


def read_identity(node: Node, default_namespace: str = "") -> Identity:
    fields = node.fields()
    fields.ignore("apiVersion", "kind")
    metadata = read_metadata(fields.required("metadata"), True, default_namespace)
    spec, status = fields.required("spec").fields(), fields.optional("status")
    fields.done()
    provider = object_name(spec.required("provider"))
    account, egress = spec.optional("serviceAccountName"), spec.optional("egress")
    spec.done()
    return Identity(
        metadata=metadata,
        provider=provider,
        service_account=object_name(account) if account else metadata.name,
        hosts=_read_hosts(egress) if egress else DEFAULT_HOSTS,
        provider_metadata=texts(status, "metadata"),
    )


def _read_hosts(node: Node) -> tuple[HostPattern, ...]:
    """`egress.hosts`; an empty list is legal and means that no host receives the token."""
    fields = node.fields()
    hosts = fields.optional("hosts")
    fields.done()
    return hosts.list_of(host_pattern) if hosts else DEFAULT_HOSTS
