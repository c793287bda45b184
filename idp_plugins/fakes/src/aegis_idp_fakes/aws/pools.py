"""What a Cognito identity pool holds."""

import uuid

from attrs import define, field

from aegis_idp_fakes.propagation import Propagation


@define
class PoolIdentity:
    """Subjects by the provider that they sign in with; and the user identifiers of the pool's developer."""

    id: str
    logins: dict[str, str] = field(factory=dict)
    marks: set[str] = field(factory=set)
    born: int | None = None


@define(eq=False)
class IdentityPool:
    """`providers` are ARNs of IAM OIDC providers. `developer` is the developer provider's name."""

    id: str
    arn: str
    propagation: Propagation = field(repr=False)
    providers: set[str] = field(factory=set)
    developer: str | None = None
    classic_flow: bool = True
    unauthenticated: bool = False
    identities: dict[str, PoolIdentity] = field(factory=dict)

    def make(self) -> PoolIdentity:
        region = self.id.partition(":")[0]
        made = PoolIdentity(f"{region}:{uuid.uuid4()}", born=self.propagation.birth())
        self.identities[made.id] = made
        return made

    def known(self, identity: str) -> PoolIdentity | None:
        """The identity that can be looked up by now."""
        found = self.identities.get(identity)
        return found if found is not None and (found.born is None or self.propagation.reached(found.born)) else None

    def by_login(self, provider: str, subject: str) -> PoolIdentity | None:
        """At once: signing in is consistent."""
        return next((one for one in self.identities.values() if one.logins.get(provider) == subject), None)

    def by_mark(self, mark: str) -> PoolIdentity | None:
        return next((one for one in self.identities.values() if mark in one.marks), None)

    def state(self) -> object:
        """All identities, as a value to compare; ids that the service chose are left out."""
        return sorted((sorted(one.logins.items()), sorted(one.marks)) for one in self.identities.values())
