"""From everything that is known to one Snapshot. What is unclear denies."""

from collections.abc import Callable, Mapping

from attrs import evolve, frozen

from aegis_api.names import Subject
from aegis_api.policy import IngressPolicy
from aegis_api.provider import AnyProvider, ProviderSpec
from aegis_idp.values import Principal, Trust
from aegis_proxy.core.keys import KeySet
from aegis_proxy.core.knowledge import NOT_NAMED, Held, Pending, Present, View
from aegis_proxy.core.rules import RuleIndex, compile_rules
from aegis_proxy.core.snapshot import Audiences, Authority, Snapshot


@frozen(eq=False)
class Trusted:
    """What a provider's plugin said (`trust`, `subject`) and published (`keys`)."""

    trust: Trust
    keys: KeySet
    subject: Callable[[Mapping[str, object]], Subject | Principal]


@frozen
class Untrusted:
    """Why nobody can be believed yet: the provider was not reached, or its plugin cannot be used."""

    reason: str


@frozen(eq=False)
class Rules:
    """Compiled policies, kept as long as the policies stay what they are."""

    policies: tuple[IngressPolicy, ...]
    missing: bool
    index: RuleIndex


def compiled(view: View, before: Rules | None) -> Rules:
    """The rules of all policies that can be used. The others count as missing."""
    policies = tuple(held.resource for _, held in view.policies if isinstance(held, Present))
    missing = len(policies) < len(view.policies) or not policies
    if before is not None and before.missing == missing and _judged(before.policies) == _judged(policies):
        return before
    return Rules(policies, missing, compile_rules(policies, missing=missing))


def _judged(policies: tuple[IngressPolicy, ...]) -> list[tuple[object, ...]]:
    """What of policies decides. A status that was written changes their metadata, and nothing else."""
    return [(policy.metadata.name, policy.enforcement, policy.rules) for policy in policies]


def spec_of(held: Held[AnyProvider]) -> ProviderSpec | None:
    """The spec of a provider that can be used."""
    return held.resource.spec if isinstance(held, Present) else None


@frozen(eq=False)
class Inputs:
    """`trusted` belongs to `view.accepted`. `stale` says that the source has been silent too long, empty if not."""

    view: View
    rules: Rules
    trusted: Trusted | Untrusted
    namespace: str
    ingress_hosts: tuple[str, ...] = ()
    stale: str = ""


def assemble(inputs: Inputs, before: Snapshot) -> Snapshot:
    """The snapshot that follows `before`: `before` itself if nothing has changed, else one generation later.

    Parts that have not changed are the very same objects, so that what is cached by them stays good.
    """
    identity = inputs.view.identity
    own = spec_of(inputs.view.own)
    after = Snapshot(
        generation=before.generation,
        authorities=_authorities(inputs, before.authorities),
        rules=inputs.rules.index,
        identity=identity.resource if isinstance(identity, Present) else None,
        audience=own.audience if own else "",
        audience_per_destination=own.audience_per_destination if own else False,
        closed=_closed(inputs),
        no_token=no_token_reason(inputs.view),
    )
    return before if _is_same(before, after) else evolve(after, generation=before.generation + 1)


def _is_same(before: Snapshot, after: Snapshot) -> bool:
    return before.authorities is after.authorities and before.rules is after.rules and _values(before) == _values(after)


def _values(snapshot: Snapshot) -> tuple[object, ...]:
    identity = snapshot.identity
    assumed = identity and (identity.subject, identity.provider, identity.hosts, identity.provider_metadata)
    told = snapshot.closed, snapshot.no_token
    return assumed, snapshot.audience, snapshot.audience_per_destination, told


def _closed(inputs: Inputs) -> str:
    """Why nothing may pass, empty in normal service."""
    view = inputs.view
    for key, held in view.policies:
        if isinstance(held, Pending):
            return f"the {key} {held.reason}"
    if view.accepted != NOT_NAMED:
        if not isinstance(view.accepted, Present):
            return f"the provider, or the Identity that names it, {view.accepted.reason}"
        if isinstance(inputs.trusted, Untrusted):
            return f"the provider {view.accepted.resource.metadata.name} is not trusted yet: {inputs.trusted.reason}"
    return inputs.stale


def _authorities(inputs: Inputs, before: Mapping[str, Authority]) -> Mapping[str, Authority]:
    accepted, trusted = inputs.view.accepted, inputs.trusted
    if not isinstance(accepted, Present) or isinstance(trusted, Untrusted):
        return {} if before else before
    trust = trusted.trust
    after = Authority(
        provider=accepted.resource.metadata.name,
        issuer=trust.issuer,
        audiences=_audiences(inputs, accepted.resource.spec),
        algorithms=trust.algorithms,
        types=trust.types,
        max_lifetime=trust.max_lifetime,
        keys=trusted.keys,
        subject=trusted.subject,
        principals=accepted.resource.principals,
    )
    old = before.get(trust.issuer)
    return before if old is not None and _parts(old) == _parts(after) else {trust.issuer: after}


def _audiences(inputs: Inputs, spec: ProviderSpec) -> Audiences:
    """What a token's `aud` must hold: with one per destination never the shared one, which could be replayed."""
    if not spec.audience_per_destination:
        return Audiences(frozenset({spec.audience}))
    if inputs.ingress_hosts:
        return Audiences(frozenset(inputs.ingress_hosts))
    return Audiences(frozenset(), inputs.namespace)


def _parts(authority: Authority) -> tuple[object, ...]:
    """Keys and subject compare by identity: they are made anew when something about them has changed."""
    return (
        authority.provider,
        authority.issuer,
        authority.audiences,
        authority.algorithms,
        authority.types,
        authority.max_lifetime,
        authority.keys,
        authority.subject,
        authority.principals,
    )


def no_token_reason(view: View) -> str:
    """Why the pod's identity cannot have a token now, empty if it can or if the pod assumes none."""
    if view.identity == NOT_NAMED:
        return ""
    if not isinstance(view.identity, Present):
        return f"the Identity {view.identity.reason}"
    if not isinstance(view.own, Present):
        return f"the provider of the Identity {view.own.reason}"
    return ""


def policies_not_in_force(view: View) -> tuple[str, ...]:
    """Each policy that is named and contributes no rule, and why."""
    return tuple(f"{key} {held.reason}" for key, held in view.policies if not isinstance(held, Present))
