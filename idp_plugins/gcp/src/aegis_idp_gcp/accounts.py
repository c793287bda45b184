"""An identity at Google Cloud: a service account, and a binding that lets one subject of the pool stand for it.

The account's id is made of cluster and subject, so two clusters, or two namespaces, never meet. Its description says
whose it is: who else may make service accounts in the project could have been there first.
"""

import hashlib
from collections.abc import Mapping

from attrs import frozen

from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused, ForeignObject, Refused, Spreading, Unavailable
from aegis_idp.values import PRINCIPAL, Provisioned, ProvisionRequest
from aegis_idp_gcp.iam import Iam
from aegis_idp_gcp.refusals import NOT_FOUND
from aegis_idp_gcp.settings import GcpSettings
from aegis_idp_gcp.tokens import EMAIL

_ROLE = "roles/iam.workloadIdentityUser"
_LONGEST_DISPLAY_NAME = 100
_SPREADING_SECONDS = 10.0


@frozen
class Wanted:
    """The service account that is to be."""

    account_id: str
    email: str
    display_name: str
    description: str
    member: str

    @classmethod
    def of(cls, settings: GcpSettings, request: ProvisionRequest) -> "Wanted":
        subject, owner = request.subject, request.owner
        name = f"{owner.cluster}/{subject.namespace}/{subject.name}"
        account_id = f"aegis-{hashlib.sha256(name.encode()).hexdigest()[:20]}"
        return cls(
            account_id,
            f"{account_id}{settings.email_suffix}",
            str(subject)[:_LONGEST_DISPLAY_NAME],
            f"aegis-cluster:{owner.cluster} aegis-uid:{owner.uid} {subject}",
            settings.member(str(subject)),
        )

    def body(self) -> dict[str, object]:
        return {"displayName": self.display_name, "description": self.description}

    def binding(self) -> dict[str, object]:
        return {"role": _ROLE, "members": [self.member]}


async def make_account(iam: Iam, settings: GcpSettings, request: ProvisionRequest) -> Provisioned:
    """Makes the service account or mends it. Raises ProviderError."""
    wanted = Wanted.of(settings, request)
    there = await iam.account(wanted.email)
    account = await _created(iam, wanted) if there is None else there
    _require_ours(wanted, account)
    if account.get("displayName") != wanted.display_name:
        await iam.patch(wanted.email, {"displayName": wanted.display_name}, "displayName")
    try:
        await _bind(iam, wanted)
    except Refused as error:
        # Not every copy knows an account at once, and a policy may have been changed by another meanwhile.
        if error.code in (NOT_FOUND, "ABORTED"):
            raise Spreading(f"{error}; this passes by itself", _SPREADING_SECONDS) from error
        raise
    return Provisioned({PRINCIPAL: _text(account, "uniqueId"), EMAIL: wanted.email})


async def _created(iam: Iam, wanted: Wanted) -> Mapping[str, object]:
    try:
        return await iam.create(wanted.account_id, wanted.body())
    except Refused as error:
        if error.code == "ALREADY_EXISTS":
            raise Spreading(f"{error}; it is not known everywhere yet", _SPREADING_SECONDS) from error
        raise


async def remove_account(iam: Iam, settings: GcpSettings, request: ProvisionRequest) -> None:
    """Removes the service account, and with it the binding. Raises ProviderError."""
    wanted = Wanted.of(settings, request)
    account = await iam.account(wanted.email)
    if account is not None:
        _require_ours(wanted, account)
        await iam.delete(wanted.email)


async def _bind(iam: Iam, wanted: Wanted) -> None:
    """Lets the one subject, and nobody else, stand for the account. Other roles on it are left as they are."""
    policy = await iam.policy(wanted.email)
    bindings = policy.get("bindings")
    there = [one for one in (bindings if isinstance(bindings, list) else []) if isinstance(one, dict)]
    if [one for one in there if one.get("role") == _ROLE] == [wanted.binding()]:
        return
    others = [one for one in there if one.get("role") != _ROLE]
    await iam.set_policy(wanted.email, {**policy, "bindings": [*others, wanted.binding()]})


def _require_ours(wanted: Wanted, account: Mapping[str, object]) -> None:
    if account.get("description") != wanted.description:
        raise ForeignObject(
            f"the service account {wanted.email} is not described as {wanted.description!r}: it is another's. Delete "
            "it in Google Cloud if nobody needs it"
        )


def _text(account: Mapping[str, object], name: str) -> str:
    try:
        return text_claim(account, name)
    except ClaimRefused:
        raise Unavailable(f"the IAM API: the answer about a service account holds no {name}") from None
