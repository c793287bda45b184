"""What is known of the objects that this pod depends on, and which those are."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from attrs import field, frozen

from aegis_api.identity import Identity
from aegis_api.policy import IngressPolicy
from aegis_api.provider import AnyProvider, ClusterIdentityProvider, IdentityProvider
from aegis_api.reading import ParseError
from aegis_api.resources import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    Kind,
    Resource,
    parse_resource,
)

R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")


@frozen
class Pending:
    """Nobody has said yet whether the object exists."""

    reason: str = "has not been received yet"


@frozen
class Absent:
    reason: str = "does not exist"


@frozen
class Invalid:
    """The object exists and cannot be used."""

    reason: str


@frozen
class Present(Generic[R_co]):
    resource: R_co


Held = Pending | Absent | Invalid | Present[R_co]


@frozen
class Key:
    """One object. Which namespace it is of follows from its kind."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@frozen
class Names:
    """What the pod was told to use. `providers` are empty where the Identity names the one.

    `ingress`: this pod judges incoming requests; `egress`: it assumes `identity`. Only then are they looked at.
    """

    namespace: str
    policies: tuple[str, ...] = ()
    identity: str = ""
    providers: tuple[str, ...] = ()
    ingress: bool = True
    egress: bool = True


Look = Callable[[Key], Held[Resource]]

NOT_NAMED = Absent("is not named")


def read_object(document: object, key: Key, namespace: str) -> Held[Resource]:
    """What a document says of the object `key`. None: there is no such object."""
    if document is None:
        return Absent()
    try:
        return Present(parse_resource(document, namespace))
    except ParseError as error:
        return Invalid(f"cannot be read: {error}")


@frozen
class View:
    """Everything that the names lead to. `accepted` are the providers whose tokens callers bring, `own` the identity's.

    `accepted` is by name, which is empty for the one of an Identity that is not known. `wanted` are the objects that
    have to be watched for this view.
    """

    policies: tuple[tuple[Key, Held[IngressPolicy]], ...]
    identity: Held[Identity]
    accepted: Mapping[str, Held[AnyProvider]] = field(hash=False)
    own: Held[AnyProvider]
    wanted: frozenset[Key]


def look_up(names: Names, look: Look) -> View:
    """Follows the names. A provider that an Identity names is wanted as soon as the Identity is known."""
    wanted: set[Key] = set()

    def see(kind: Kind, name: str, made: type[S]) -> Held[S]:
        key = Key(kind.name, name)
        wanted.add(key)
        return _of_type(look(key), made)

    def provider(name: str) -> Held[AnyProvider]:
        """The namespace's own provider comes first; the cluster's is only asked for where there is none."""
        first = see(IDENTITY_PROVIDER, name, IdentityProvider)
        if not isinstance(first, Absent):
            return first
        second = see(CLUSTER_IDENTITY_PROVIDER, name, ClusterIdentityProvider)
        if isinstance(second, Present) and second.resource.namespace_selector is None:
            return Invalid("has no namespaceSelector, so no namespace may use it")
        return second

    policies = tuple(
        (Key(INGRESS_POLICY.name, name), see(INGRESS_POLICY, name, IngressPolicy))
        for name in (names.policies if names.ingress else ())
    )
    needed = names.identity and (names.egress or not names.providers)
    identity = see(IDENTITY, names.identity, Identity) if needed else NOT_NAMED
    own = provider(identity.resource.provider) if isinstance(identity, Present) else identity
    accepted: dict[str, Held[AnyProvider]] = {}
    if names.ingress and names.providers:
        accepted = {name: provider(name) for name in names.providers}
    elif names.ingress and names.identity:
        accepted = {identity.resource.provider if isinstance(identity, Present) else "": own}
    return View(policies, identity, accepted, own, frozenset(wanted))


def _of_type(held: Held[Resource], made: type[S]) -> Held[S]:
    if not isinstance(held, Present):
        return held
    return Present(held.resource) if isinstance(held.resource, made) else Invalid("is of another kind")
