"""IdentityProvider and ClusterIdentityProvider: an external identity provider and its settings."""

import re
from collections.abc import Mapping

from attrs import field, frozen

from aegis_api.metadata import Metadata, read_metadata
from aegis_api.names import Subject
from aegis_api.reading import Node, ParseError
from aegis_api.selectors import LabelSelector, label_selector
from aegis_api.status import text_of, texts

_TYPE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
# RFC 7519 section 4.1.3 takes any string; white space and controls in it are a mistake of the author.
_AUDIENCE = re.compile(r"[!-~]{1,600}")


@frozen
class ProviderSpec:
    """`type` names the plugin, `config` holds the plugin's own settings as they came (the plugin checks them).

    `audience` is the `aud` that a token must hold to be accepted here. With `audience_per_destination` a token is
    asked for, and accepted for, `<service>.<namespace>.svc` of its destination instead.
    """

    type: str
    audience: str
    audience_per_destination: bool = False
    config: Mapping[str, object] = field(factory=dict, repr=False, hash=False)


@frozen
class IdentityProvider:
    """`principals`: whose tokens this provider's own ids stand for, as the status says, where tokens hold no more.

    `issuer`: of its tokens, as the status says; empty while that is not known.
    """

    metadata: Metadata
    spec: ProviderSpec
    principals: Mapping[str, Subject] = field(factory=dict, repr=False, hash=False)
    issuer: str = ""


@frozen
class ClusterIdentityProvider:
    """`namespace_selector` says which namespaces may use it; without one, none may. The rest as above."""

    metadata: Metadata
    spec: ProviderSpec
    namespace_selector: LabelSelector | None = None
    principals: Mapping[str, Subject] = field(factory=dict, repr=False, hash=False)
    issuer: str = ""


AnyProvider = IdentityProvider | ClusterIdentityProvider


def read_identity_provider(node: Node, default_namespace: str = "") -> IdentityProvider:
    fields = node.fields()
    fields.ignore("apiVersion", "kind")
    metadata = read_metadata(fields.required("metadata"), True, default_namespace)
    spec, status = fields.required("spec"), fields.optional("status")
    fields.done()
    return IdentityProvider(metadata, _read_spec(spec), _read_principals(status), text_of(status, "issuer"))


def _read_principals(status: Node | None) -> Mapping[str, Subject]:
    """An id of which the status says no subject is nobody's."""
    found = ((principal, _subject_or_none(text)) for principal, text in texts(status, "principals").items())
    return {principal: subject for principal, subject in found if subject is not None}


def _subject_or_none(text: str) -> Subject | None:
    try:
        return Subject.parse(text)
    except ParseError:
        return None


def _read_spec(node: Node, *also: str) -> ProviderSpec:
    """Reads the fields that both kinds share; `also` names those that the caller reads itself."""
    fields = node.fields()
    fields.ignore(*also)
    config = fields.optional("config")
    per_destination = fields.optional("audiencePerDestination")
    spec = ProviderSpec(
        type=fields.required("type").matching(_TYPE, "the type of a provider, like hashicorp.vault"),
        audience=fields.required("audience").matching(_AUDIENCE, "an audience of 1 to 600 visible ASCII characters"),
        audience_per_destination=per_destination.boolean() if per_destination else False,
        config={name: value.value for name, value in config.entries()} if config else {},
    )
    fields.done()
    return spec


def read_cluster_identity_provider(node: Node, default_namespace: str = "") -> ClusterIdentityProvider:
    fields = node.fields()
    fields.ignore("apiVersion", "kind")
    metadata = read_metadata(fields.required("metadata"), False)
    spec, status = fields.required("spec"), fields.optional("status")
    fields.done()
    selector = spec.fields().optional("namespaceSelector")
    return ClusterIdentityProvider(
        metadata,
        _read_spec(spec, "namespaceSelector"),
        label_selector(selector) if selector else None,
        _read_principals(status),
        text_of(status, "issuer"),
    )
