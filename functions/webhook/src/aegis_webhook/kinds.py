"""Judges the mesh's own resources before they are stored: by the parser that the proxy uses, and by their plugins."""

from collections.abc import Iterator

from attrs import field, frozen

from aegis_api.identity import Identity
from aegis_api.policy import IngressPolicy, Rule
from aegis_api.provider import AnyProvider, ClusterIdentityProvider, IdentityProvider
from aegis_api.reading import Node, ParseError
from aegis_api.resources import Resource, parse_resource
from aegis_idp.discovery import PluginError
from aegis_idp.errors import ProviderError
from aegis_idp.settings import read_settings
from aegis_webhook.cluster import Cluster, ClusterError, provider_of
from aegis_webhook.decision import Object, Refuse
from aegis_webhook.grants import Plugins, needs_of

_UNPROCESSABLE = 422


@frozen
class Accept:
    """`warnings` are shown to the author."""

    warnings: tuple[str, ...] = ()


@frozen
class Judge:
    """`judge` is the whole of it."""

    cluster: Cluster
    plugins: Plugins = field(repr=False)

    def judge(self, document: Object, namespace: str) -> Accept | Refuse:
        """What becomes of an object of ours that is written in `namespace`. One that is being deleted may always go."""
        try:
            resource = parse_resource(document, namespace)
            if resource.metadata.deleting:
                return Accept()
            return Accept(tuple(self._warnings(resource)))
        except (ParseError, PluginError, ProviderError) as error:
            return Refuse(str(error), _UNPROCESSABLE)
        except ClusterError as error:
            return Refuse(f"the webhook could not ask the API server, so try again: {error}", code=503)

    def _warnings(self, resource: Resource) -> Iterator[str]:
        if isinstance(resource, IngressPolicy):
            return _of_policy(resource)
        if isinstance(resource, Identity):
            return self._of_identity(resource)
        return self._of_provider(resource)

    def _of_provider(self, provider: AnyProvider) -> Iterator[str]:
        spec = provider.spec
        read_settings(self.plugins(spec.type).settings, Node(dict(spec.config), "spec.config"))
        if isinstance(provider, ClusterIdentityProvider) and provider.namespace_selector is None:
            yield "without spec.namespaceSelector no namespace may use this provider"

    def _of_identity(self, identity: Identity) -> Iterator[str]:
        if not identity.hosts:
            yield "spec.egress.hosts is empty: no host ever receives this identity's token"
        provider = self._provider_of(identity)
        if provider is None:
            yield (
                f"there is no IdentityProvider {identity.provider} in this namespace, and no ClusterIdentityProvider "
                f"{identity.provider} whose namespaceSelector selects it: its pods are refused until there is"
            )
            return
        needs_of(identity, provider.spec, self.plugins)

    def _provider_of(self, identity: Identity) -> IdentityProvider | ClusterIdentityProvider | None:
        try:
            return provider_of(self.cluster, identity.metadata.namespace, identity.provider)
        except ParseError as error:
            raise PluginError(f"the provider {identity.provider} cannot be read: {error}") from error


def _of_policy(policy: IngressPolicy) -> Iterator[str]:
    if not policy.rules:
        yield "the policy has no rules: it denies every request"
    for index, rule in enumerate(policy.rules):
        for name in _empty_lists(rule):
            yield f"spec.rules[{index}].{name} is empty: the rule matches nothing"


def _empty_lists(rule: Rule) -> Iterator[str]:
    if not rule.methods:
        yield "methods"
    if not rule.paths:
        yield "paths"
    if not rule.identities and not rule.unauthenticated:
        yield "identities"
    for claim, values in rule.claims.items():
        if not values:
            yield f"claims[{claim}]"
