"""The mark on an alias: its `custom_metadata` says whose it is, and lists the roles that belong to it.

A role is listed before it is made and until it is gone, so whatever a crash leaves behind can be found.
"""

from collections.abc import Mapping

from attrs import field, frozen

from aegis_idp.destinations import destinations
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Owner, PodContext, ProvisionRequest
from aegis_idp_vault.names import role_suffix

_CLUSTER, _UID, _ROLE = "aegis-cluster", "aegis-uid", "aegis-role"
# Vault takes 64 keys, and values of 512 characters, in an alias's custom_metadata.
_LONGEST_VALUE = 512
MOST_DESTINATIONS = 60


@frozen
class Mark:
    """`roles` maps the suffix of each role's name (see `names.role_name`) to its audience.

    `others` is what somebody else has put beside it, and stays.
    """

    owner: Owner
    roles: Mapping[str, str] = field(hash=False)
    others: Mapping[str, str] = field(factory=dict, hash=False)

    def custom_metadata(self) -> dict[str, str]:
        roles = {f"{_ROLE}{suffix}": audience[:_LONGEST_VALUE] for suffix, audience in self.roles.items()}
        return {**self.others, _CLUSTER: self.owner.cluster, _UID: self.owner.uid, **roles}


def read_mark(custom_metadata: Mapping[str, object]) -> Mark | None:
    """The mark in an alias's `custom_metadata`; None if there is none."""
    texts = {key: value for key, value in custom_metadata.items() if isinstance(value, str)}
    if _CLUSTER not in texts and _UID not in texts:
        return None
    owner = Owner(texts.pop(_CLUSTER, ""), texts.pop(_UID, ""))
    roles = {key.removeprefix(_ROLE): value for key, value in texts.items() if key.startswith(_ROLE)}
    return Mark(owner, roles, {key: value for key, value in texts.items() if not key.startswith(_ROLE)})


def wanted_roles(request: ProvisionRequest | PodContext) -> dict[str, str]:
    """The audience of each role, by the suffix of its name. Raises Misconfigured where they cannot be listed."""
    if not request.audience_per_destination:
        return {role_suffix(request.audience): request.audience}
    audiences = destinations(request.hosts)
    if len(audiences) > MOST_DESTINATIONS:
        raise Misconfigured(
            f"{len(audiences)} destinations in Identity.spec.egress.hosts, wanted at most {MOST_DESTINATIONS}: more do "
            "not fit the metadata of an alias in Vault"
        )
    return {role_suffix(audience): audience for audience in audiences}
