"""What the cluster grants to a pod: its Identity, its provider, and what that provider's plugin needs mounted."""

from collections.abc import Callable
from typing import Any, cast

from attrs import field, frozen

from aegis_api.annotations import IDENTITY as IDENTITY_ANNOTATION
from aegis_api.annotations import IDENTITY_PROVIDER as PROVIDER_ANNOTATION
from aegis_api.identity import Identity
from aegis_api.provider import AnyProvider, ProviderSpec
from aegis_api.reading import Node, ParseError
from aegis_api.resources import IDENTITY, INGRESS_POLICY, Kind, Resource
from aegis_idp.discovery import PluginError
from aegis_idp.errors import ProviderError
from aegis_idp.plugin import Plugin
from aegis_idp.settings import read_settings
from aegis_idp.values import PodContext, PodNeeds
from aegis_webhook.cluster import Cluster, provider_of
from aegis_webhook.decision import Refused
from aegis_webhook.settings import PodSettings

Plugins = Callable[[str], Plugin[Any]]
"""A plugin by the type of its provider (`aegis_idp.discovery.load`). Raises PluginError."""


@frozen
class Grant:
    """`identity` is None for a pod that only has ingress and assumes none."""

    identity: Identity | None
    provider: AnyProvider
    needs: PodNeeds = field(factory=PodNeeds)


def grant_for(settings: PodSettings, namespace: str, cluster: Cluster, plugins: Plugins) -> Grant:
    """What a pod with these settings gets. Raises Refused with what to create, and ClusterError."""
    identity = cast(Identity, _existing(cluster, IDENTITY, namespace, settings.identity)) if settings.identity else None
    if identity and settings.provider not in ("", identity.provider):
        raise Refused(
            f"{PROVIDER_ANNOTATION} is {settings.provider}, but the Identity {settings.identity} has the provider "
            f"{identity.provider}: leave the annotation away, or name that one"
        )
    name = identity.provider if identity else settings.provider
    provider = _provider(cluster, namespace, name)
    if identity is None:
        return Grant(None, provider)
    try:
        return Grant(identity, provider, needs_of(identity, provider.spec, plugins))
    except ParseError as error:
        raise Refused(f"{type(provider).__name__} {name}: {error}") from error
    except (PluginError, ProviderError) as error:
        raise Refused(f"Identity {namespace}/{settings.identity} cannot be used: {error}") from error


def needs_of(identity: Identity, spec: ProviderSpec, plugins: Plugins) -> PodNeeds:
    """What the provider's plugin needs of a pod. Raises PluginError, ParseError (settings) and ProviderError."""
    plugin = plugins(spec.type)
    settings = read_settings(plugin.settings, Node(dict(spec.config), "spec.config"))
    context = PodContext(identity.subject, spec.audience, spec.audience_per_destination, identity.hosts)
    return plugin.pod_needs(settings, context)


def missing_policies(settings: PodSettings, namespace: str, cluster: Cluster) -> tuple[str, ...]:
    """The names of policies that the pod wants enforced and that are not there: the proxy denies until they are."""
    wanted = settings.ingress.policies if settings.ingress else ()
    return tuple(name for name in wanted if cluster.get(INGRESS_POLICY, namespace, name) is None)


def _existing(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Resource:
    try:
        found = cluster.get(kind, namespace, name)
    except ParseError as error:
        raise Refused(f"{kind.name} {namespace}/{name} cannot be read: {error}") from error
    if found is None:
        raise Refused(
            f"there is no {kind.name} {name} in the namespace {namespace}: create it, "
            f"or correct the annotation {IDENTITY_ANNOTATION}"
        )
    return found


def _provider(cluster: Cluster, namespace: str, name: str) -> AnyProvider:
    try:
        provider = provider_of(cluster, namespace, name)
    except ParseError as error:
        raise Refused(f"the provider {name} cannot be read: {error}") from error
    if provider is None:
        raise Refused(
            f"there is no IdentityProvider {name} in the namespace {namespace}, and no ClusterIdentityProvider {name} "
            f"whose namespaceSelector selects {namespace}: create one of them"
        )
    return provider
