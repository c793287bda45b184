"""What the cluster grants to a pod: its Identity, its providers, and what their plugins need mounted."""

from collections.abc import Callable, Mapping
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
    """`identity` is None for a pod that only has ingress and assumes none.

    `needs` are those of the Identity's provider first, then of those to which it may move. `warnings` are for the pod's
    author.
    """

    identity: Identity | None
    needs: PodNeeds = field(factory=PodNeeds)
    warnings: tuple[str, ...] = ()


def grant_for(settings: PodSettings, namespace: str, cluster: Cluster, plugins: Plugins) -> Grant:
    """What a pod with these settings gets. Raises Refused with what to create, and ClusterError."""
    identity = cast(Identity, _existing(cluster, IDENTITY, namespace, settings.identity)) if settings.identity else None
    if identity and settings.providers and identity.provider not in settings.providers:
        raise Refused(
            f"{PROVIDER_ANNOTATION} is {','.join(settings.providers)}, but the Identity {settings.identity} has the "
            f"provider {identity.provider}: leave the annotation away, or name that one, too"
        )
    names = settings.providers or ((identity.provider,) if identity else ())
    providers = {name: _provider(cluster, namespace, name) for name in names}
    _check_issuers(providers)
    if identity is None:
        return Grant(None)
    own = providers.pop(identity.provider)
    try:
        needs = needs_of(identity, own.spec, plugins)
    except ParseError as error:
        raise Refused(f"{type(own).__name__} {identity.provider}: {error}") from error
    except (PluginError, ProviderError) as error:
        raise Refused(f"Identity {namespace}/{settings.identity} cannot be used: {error}") from error
    warnings: list[str] = []
    for name, provider in providers.items():
        try:
            needs = _together(needs, needs_of(identity, provider.spec, plugins))
        except (ParseError, PluginError, ProviderError) as error:
            # Callers may come from there all the same.
            warnings.append(f"the Identity {settings.identity} could not move to the provider {name}: {error}")
    return Grant(identity, needs, tuple(warnings))


def _check_issuers(providers: Mapping[str, AnyProvider]) -> None:
    """The proxy would believe neither of two with the same issuer. As far as their status says what it is."""
    issuers: dict[str, str] = {}
    for name, provider in providers.items():
        other = issuers.setdefault(provider.issuer, name) if provider.issuer else name
        if other != name:
            raise Refused(
                f"{PROVIDER_ANNOTATION} names {other} and {name}, which have the same issuer {provider.issuer}: name "
                "one of them, for a token cannot say of which it is"
            )


def _together(one: PodNeeds, other: PodNeeds) -> PodNeeds:
    """The needs of both. A token for the same audience is mounted once, with the shorter life."""
    tokens = {token.audience: token for token in one.tokens}
    for token in other.tokens:
        known = tokens.setdefault(token.audience, token)
        if token.expiration_seconds < known.expiration_seconds:
            tokens[token.audience] = token
    return PodNeeds(tuple(tokens.values()), tuple(dict.fromkeys((*one.secrets, *other.secrets))))


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
