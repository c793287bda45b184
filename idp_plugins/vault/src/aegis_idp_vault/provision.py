"""Makes, mends and removes an identity: from what is there to what should be.

The alias comes first and goes last. Its mark says whose it is, and lists the roles; see `marks`. From nothing it takes
four requests: login, look, alias, role.
"""

from collections.abc import Iterable

from attrs import evolve

from aegis_idp.errors import ForeignObject, Unavailable
from aegis_idp.http import Http
from aegis_idp.values import Provisioned, ProvisionRequest
from aegis_idp_vault.marks import Mark, wanted_roles
from aegis_idp_vault.names import role_name
from aegis_idp_vault.objects import (
    Alias,
    find_accessor,
    find_alias,
    read_role,
    remove_entity,
    remove_role,
    set_metadata,
    wanted_role,
    write_role,
)
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.wire import Vault, login

_ENTITY, _ROLES = "entity", "roles"


async def make(settings: VaultSettings, request: ProvisionRequest, http: Http) -> Provisioned:
    wanted = wanted_roles(request)
    vault = await _open(settings, request, http)
    accessor = await find_accessor(vault)
    alias = await find_alias(vault, accessor, request.subject)
    mark = _mark(alias, request)
    listed = mark.roles
    entity = alias.entity if alias else ""
    if alias is None or alias.mark is None or not wanted.keys() <= listed.keys():
        both = evolve(mark, roles={**listed, **wanted}).custom_metadata()
        entity = await set_metadata(vault, accessor, request.subject, both) or entity
    if not entity:
        raise Unavailable(f"the alias of {request.subject} was just made by another run: look again")
    names = {suffix: role_name(settings.mount, entity, request.subject, suffix) for suffix in {**listed, **wanted}}
    for suffix, audience in wanted.items():
        role = wanted_role(settings, accessor, audience)
        # The name holds the id of the entity, which nobody knew before it was made: a new one has no roles yet.
        if suffix not in listed or await read_role(vault, names[suffix]) != role:
            await write_role(vault, names[suffix], role)
    outdated = [suffix for suffix in listed if suffix not in wanted]
    for suffix in outdated:
        await remove_role(vault, names[suffix])
    if outdated:
        await set_metadata(vault, accessor, request.subject, evolve(mark, roles=wanted).custom_metadata())
    await _remove_lost(vault, request, keep=names.values())
    return Provisioned({_ENTITY: entity, _ROLES: " ".join(names[suffix] for suffix in sorted(wanted))})


async def remove(settings: VaultSettings, request: ProvisionRequest, http: Http) -> None:
    vault = await _open(settings, request, http)
    accessor = await find_accessor(vault)
    alias = await find_alias(vault, accessor, request.subject)
    if alias is None or alias.mark is None:
        await _remove_lost(vault, request, keep=())
        return
    mark = _mark(alias, request)
    names = [role_name(settings.mount, alias.entity, request.subject, suffix) for suffix in mark.roles]
    await _remove_lost(vault, request, keep=names)
    for name in names:
        await remove_role(vault, name)
    if alias.plain:
        await remove_entity(vault, alias.entity)
    else:
        # Somebody has built on the entity since: what is theirs stays.
        await set_metadata(vault, accessor, request.subject, mark.others)


async def _open(settings: VaultSettings, request: ProvisionRequest, http: Http) -> Vault:
    token = request.host_token_at(settings.base)
    return (await login(Vault(settings, http), settings.provision_role, token)).vault


def _mark(alias: Alias | None, request: ProvisionRequest) -> Mark:
    """The mark on the alias, or a first one. Raises ForeignObject if the alias is somebody else's."""
    if alias is None or (alias.mark is None and alias.plain):
        return Mark(request.owner, {})
    if alias.mark is None:
        raise ForeignObject(
            f"the alias of {request.subject} belongs to the entity {alias.entity_name}, which somebody else made or "
            "changed: give Aegis an auth method of its own (config.mount), or remove the alias"
        )
    if alias.mark.owner != request.owner:
        raise ForeignObject(
            f"the alias of {request.subject} is marked as that of the Identity {alias.mark.owner.uid} of the cluster "
            f"{alias.mark.owner.cluster}: give each cluster an auth method of its own (config.mount), and each "
            "ServiceAccount one Identity"
        )
    return alias.mark


async def _remove_lost(vault: Vault, request: ProvisionRequest, keep: Iterable[str]) -> None:
    """Removes the roles of an entity that was removed by others: they are known from the last run alone.

    The status is no witness against others: a name that is not one of this subject's own is left alone.
    """
    entity = request.metadata.get(_ENTITY, "")
    own = role_name(vault.settings.mount, entity, request.subject, "_")
    for name in sorted(set(request.metadata.get(_ROLES, "").split()).difference(keep)):
        if name.startswith(own):
            await remove_role(vault, name)
