"""Whose tokens a pod accepts: each of its providers by the issuer that is its own.

A token is judged by the provider whose issuer it names, and by no other. So an issuer that two providers claim is
nobody's: which keys and which audience hold for it would be a matter of order.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from attrs import frozen

from aegis_api.names import Subject
from aegis_api.provider import AnyProvider, ProviderSpec
from aegis_idp.values import Principal, Trust
from aegis_proxy.core.keys import KeySet
from aegis_proxy.core.knowledge import Held, Present
from aegis_proxy.core.snapshot import Audiences, Authority


@frozen(eq=False)
class Trusted:
    """What a provider's plugin said (`trust`, `subject`) and published (`keys`).

    `audiences` is what `aud` holds by destination, where the provider has names of its own for them.
    """

    trust: Trust
    keys: KeySet
    subject: Callable[[Mapping[str, object]], Subject | Principal]
    audiences: Mapping[str, str] | None = None


@frozen
class Untrusted:
    """Why nobody can be believed yet: the provider was not reached, or its plugin cannot be used."""

    reason: str


@frozen(eq=False)
class Callers:
    """Where callers of this pod come from. `providers` are those that it accepts, by name (see `knowledge.View`).

    `trusted` says of each one that is present whom to believe. `hosts` narrow the audience of tokens that are made for
    their destination, else any Service of `namespace` is one.
    """

    providers: Mapping[str, Held[AnyProvider]]
    trusted: Mapping[str, Trusted | Untrusted]
    namespace: str
    hosts: tuple[str, ...] = ()


@frozen(eq=False)
class Accepted:
    """`authorities` by issuer; `problems` say why the other providers are not among them."""

    authorities: Mapping[str, Authority]
    problems: tuple[str, ...]


def accept(callers: Callers, before: Mapping[str, Authority]) -> Accepted:
    """Who can be believed now. Authorities that are what they were before are the same mapping as before."""
    found: list[Authority] = []
    problems: list[str] = []
    for name, held in callers.providers.items():
        if not isinstance(held, Present):
            problems.append(f"the provider{f' {name}' if name else ', or the Identity that names it,'} {held.reason}")
            continue
        trusted = callers.trusted[name]
        if isinstance(trusted, Untrusted):
            problems.append(f"the provider {name} is not trusted yet: {trusted.reason}")
        else:
            found.append(_authority(callers, name, held.resource, trusted))
    claims = Counter(authority.issuer for authority in found)
    for issuer in (issuer for issuer, count in claims.items() if count > 1):
        names = " and ".join(authority.provider for authority in found if authority.issuer == issuer)
        problems.append(
            f"the providers {names} have the same issuer {issuer}, so that neither is believed: accept one of them"
        )
    after = {authority.issuer: authority for authority in found if claims[authority.issuer] == 1}
    return Accepted(before if _is_same(before, after) else after, tuple(problems))


def _authority(callers: Callers, name: str, provider: AnyProvider, trusted: Trusted) -> Authority:
    trust = trusted.trust
    return Authority(
        provider=name,
        issuer=trust.issuer,
        audiences=_audiences(callers, provider.spec, trusted.audiences),
        algorithms=trust.algorithms,
        types=trust.types,
        max_lifetime=trust.max_lifetime,
        keys=trusted.keys,
        subject=trusted.subject,
        principals=provider.principals,
    )


def _audiences(callers: Callers, spec: ProviderSpec, names: Mapping[str, str] | None) -> Audiences:
    """What a token's `aud` must hold: with one per destination never the shared one, which could be replayed."""
    if not spec.audience_per_destination:
        return Audiences(frozenset({spec.audience}))
    here = Audiences(frozenset(callers.hosts), "" if callers.hosts else callers.namespace)
    if names is None:
        return here
    return Audiences(frozenset(name for destination, name in names.items() if here.accept(destination)))


def _is_same(before: Mapping[str, Authority], after: Mapping[str, Authority]) -> bool:
    return before.keys() == after.keys() and all(_parts(before[issuer]) == _parts(after[issuer]) for issuer in after)


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
