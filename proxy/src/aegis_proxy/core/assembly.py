"""From everything that is known to one Snapshot. What is unclear denies."""

from collections.abc import Mapping

from attrs import evolve, frozen

from aegis_api.policy import IngressPolicy
from aegis_api.provider import AnyProvider, ProviderSpec
from aegis_proxy.core.acceptance import Accepted, Callers, Trusted, Untrusted, accept
from aegis_proxy.core.knowledge import NOT_NAMED, Held, Pending, Present, View
from aegis_proxy.core.rules import RuleIndex, compile_rules
from aegis_proxy.core.snapshot import Snapshot


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
    """`trusted` is by the names of `view.accepted`. `stale` says that the source is silent too long, empty if not.

    `leaving` is the provider whose tokens still go out although the Identity names another one.
    """

    view: View
    rules: Rules
    trusted: Mapping[str, Trusted | Untrusted]
    namespace: str
    ingress_hosts: tuple[str, ...] = ()
    stale: str = ""
    leaving: ProviderSpec | None = None


def assemble(inputs: Inputs, before: Snapshot) -> Snapshot:
    """The snapshot that follows `before`: `before` itself if nothing has changed, else one generation later.

    Parts that have not changed are the very same objects, so that what is cached by them stays good.
    """
    view, identity = inputs.view, inputs.view.identity
    own = inputs.leaving or spec_of(view.own)
    accepted = accept(
        Callers(view.accepted, inputs.trusted, inputs.namespace, inputs.ingress_hosts), before.authorities
    )
    after = Snapshot(
        generation=before.generation,
        authorities=accepted.authorities,
        rules=inputs.rules.index,
        identity=identity.resource if isinstance(identity, Present) else None,
        audience=own.audience if own else "",
        audience_per_destination=own.audience_per_destination if own else False,
        closed=_closed(inputs, accepted),
        untrusted="; ".join(accepted.problems),
        no_token="" if inputs.leaving else no_token_reason(view),
    )
    return before if _is_same(before, after) else evolve(after, generation=before.generation + 1)


def _is_same(before: Snapshot, after: Snapshot) -> bool:
    return before.authorities is after.authorities and before.rules is after.rules and _values(before) == _values(after)


def _values(snapshot: Snapshot) -> tuple[object, ...]:
    identity = snapshot.identity
    assumed = identity and (identity.subject, identity.provider, identity.hosts, identity.provider_metadata)
    told = snapshot.closed, snapshot.untrusted, snapshot.no_token
    return assumed, snapshot.audience, snapshot.audience_per_destination, told


def _closed(inputs: Inputs, accepted: Accepted) -> str:
    """Why nothing may pass, empty in normal service."""
    for key, held in inputs.view.policies:
        if isinstance(held, Pending):
            return f"the {key} {held.reason}"
    if not accepted.authorities and accepted.problems:
        return "; ".join(accepted.problems)
    return inputs.stale


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
