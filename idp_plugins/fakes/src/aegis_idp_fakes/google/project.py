"""What a project of Google Cloud holds."""

import secrets
from typing import Any

from attrs import define, field

from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.propagation import Propagation

WORKLOAD_USER = "roles/iam.workloadIdentityUser"
ALL_PERMISSIONS = frozenset(
    f"iam.serviceAccounts.{name}" for name in ("create", "get", "update", "delete", "getIamPolicy", "setIamPolicy")
)


@define
class Account:
    """A service account. `born` is None for what was always there; `bound` is when its policy was last set."""

    email: str
    properties: dict[str, Any] = field(factory=dict)
    unique_id: str = field(factory=lambda: str(10**20 + secrets.randbelow(10**20)))
    bindings: list[dict[str, Any]] = field(factory=list)
    etag: str = field(factory=lambda: secrets.token_hex(4))
    born: int | None = None
    bound: int | None = None

    def shown(self) -> dict[str, Any]:
        return {"email": self.email, "uniqueId": self.unique_id, **self.properties}


@define
class Project:
    """A project with a workload identity pool that trusts one issuer. `permissions` are what IAM grants, by member."""

    id: str
    number: int
    issuer: str
    propagation: Propagation
    issuers: Http = field(default=INTERNET, repr=False)
    accounts: dict[str, Account] = field(factory=dict)
    permissions: dict[str, frozenset[str]] = field(factory=dict)

    @property
    def pool(self) -> str:
        return f"projects/{self.number}/locations/global/workloadIdentityPools/aegis"

    @property
    def pool_provider(self) -> str:
        return f"{self.pool}/providers/cluster"

    def member(self, subject: str) -> str:
        return f"principal://iam.googleapis.com/{self.pool}/subject/{subject}"

    def register(self, name: str, *users: str) -> Account:
        """A service account as an administrator makes one, which these subjects of the pool may stand for."""
        account = Account(f"{name}@{self.id}.iam.gserviceaccount.com")
        if users:
            account.bindings.append({"role": WORKLOAD_USER, "members": [self.member(user) for user in users]})
        self.accounts[account.email] = account
        return account

    def seen(self, email: str) -> Account | None:
        """The account, once all copies know it."""
        found = self.accounts.get(email)
        return found if found and (found.born is None or self.propagation.reached(found.born)) else None

    def may_stand_for(self, member: str, account: Account) -> bool:
        known = account.bound is None or self.propagation.reached(account.bound)
        return known and any(one["role"] == WORKLOAD_USER and member in one["members"] for one in account.bindings)

    def state(self) -> object:
        """All that was made, as a value to compare; ids that the service chose are left out."""
        return sorted(
            (one.email, repr(sorted(one.properties.items())), repr(one.bindings)) for one in self.accounts.values()
        )
