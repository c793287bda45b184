"""What an account of AWS holds."""

import uuid
from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field, frozen

from aegis_idp.conformance.signing import KeyRing
from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.aws.policies import Policy, allows
from aegis_idp_fakes.aws.pools import IdentityPool
from aegis_idp_fakes.propagation import Propagation


@define
class Role:
    """A role. `trust` says who may be it, `policies` (by name) what it may do. `born` is None for what always was."""

    name: str
    arn: str
    path: str
    trust: Policy
    policies: dict[str, Policy] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    description: str = ""
    boundary: str | None = None
    attached: bool = False
    longest_session: int = 3600
    id: str = field(factory=lambda: f"AROA{uuid.uuid4().hex[:17].upper()}")
    born: int | None = None


@frozen
class Session:
    """Temporary credentials."""

    account: "Account" = field(repr=False)
    role_arn: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires: float


@define(eq=False)
class Account:
    """One account: its roles, the IAM OIDC providers it trusts (client ids by issuer), and its own issuer.

    `managed` are policies by ARN that can be a boundary; `pools` are Cognito's.
    """

    id: str
    issuer: str
    propagation: Propagation = field(repr=False)
    issuers: Http = field(default=INTERNET, repr=False)
    partition: str = "aws"
    federation_enabled: bool = True
    roles: dict[str, Role] = field(factory=dict)
    providers: dict[str, tuple[str, ...]] = field(factory=dict)
    managed: dict[str, Policy] = field(factory=dict)
    pools: dict[str, IdentityPool] = field(factory=dict)
    keys: Mapping[str, KeyRing] = field(factory=lambda: {name: KeyRing(name) for name in ("RS256", "ES384")})

    def arn(self, path: str, name: str) -> str:
        return f"arn:{self.partition}:iam::{self.id}:role{path}{name}"

    def oidc_provider(self, issuer: str) -> str:
        return f"arn:{self.partition}:iam::{self.id}:oidc-provider/{issuer.partition('://')[2]}"

    def pool_arn(self, pool: str) -> str:
        region = pool.partition(":")[0]
        return f"arn:{self.partition}:cognito-identity:{region}:{self.id}:identitypool/{pool}"

    def pool(self, region: str, issuer: str) -> IdentityPool:
        """A new identity pool, to which one issuer's tokens are logins."""
        name = f"{region}:{uuid.uuid4()}"
        made = IdentityPool(name, self.pool_arn(name), self.propagation, {self.oidc_provider(issuer)})
        self.pools[name] = made
        return made

    def register(self, name: str, trust: Policy, path: str = "/", **fields: Any) -> Role:
        """A role, as an administrator makes one."""
        self.roles[name] = Role(name, self.arn(path, name), path, trust, **fields)
        return self.roles[name]

    def known(self, name: str) -> Role | None:
        """The role that the whole of IAM knows by now."""
        role = self.roles.get(name)
        return role if role is not None and (role.born is None or self.propagation.reached(role.born)) else None

    def by_arn(self, arn: str) -> Role | None:
        role = self.known(arn.rpartition("/")[2])
        return role if role is not None and role.arn == arn else None

    def may(self, role: Role, action: str, resource: str, context: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether the role's policies, and its boundary, allow it."""
        bounds = [self.managed[role.boundary]] if role.boundary else []
        return allows(list(role.policies.values()), action, resource, context) and all(
            allows([bound], action, resource, context) for bound in bounds
        )

    def state(self) -> object:
        """All roles, as a value to compare; ids that the service chose are left out."""
        return sorted(repr(evolve(role, id="", born=None)) for role in self.roles.values())
