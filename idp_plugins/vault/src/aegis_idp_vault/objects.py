"""What exists in Vault for one identity, read and changed by one request each."""

import json
from collections.abc import Mapping

from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured, Refused
from aegis_idp_vault.marks import Mark, read_mark
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.wire import Vault, entity_of, part


@frozen
class Alias:
    """The alias of a subject at the cluster's mount. `entity` is the id of the entity that has it.

    `mark` is None for an alias without one. `plain`: there is nothing to the entity but what Vault makes at a first
    login, and what our own mark says.
    """

    entity: str
    entity_name: str
    mark: Mark | None
    plain: bool


async def find_accessor(vault: Vault) -> str:
    """The accessor of the JWT auth method. It is asked for where the settings do not say it."""
    if vault.settings.accessor:
        return vault.settings.accessor
    mount = vault.settings.mount
    what = f"the accessor of auth/{mount}"
    answer = await vault.ask("GET", "sys/auth", what)
    accessor = part(part(answer, "data") or answer, f"{mount}/").get("accessor")
    if not isinstance(accessor, str) or not accessor:
        raise Misconfigured(f"{what}: there is no auth method of this path: enable it, or correct config.mount")
    return accessor


async def find_alias(vault: Vault, accessor: str, subject: Subject) -> Alias | None:
    what = f"the alias of {subject}"
    question = {"alias_name": str(subject), "alias_mount_accessor": accessor}
    data = part(await vault.ask("POST", "identity/lookup/entity", what, question), "data")
    if not data:
        return None
    aliases = _objects(data.get("aliases"))
    ours = next((alias for alias in aliases if alias.get("mount_accessor") == accessor), {})
    custom = part(ours, "custom_metadata")
    mark = read_mark(custom)
    added = mark.others if mark else custom
    name = data.get("name")
    generated = isinstance(name, str) and name.startswith("entity_")
    extras = [added, *(data.get(field) for field in ("metadata", "policies", "direct_group_ids"))]
    plain = generated and len(aliases) == 1 and not any(extras)
    return Alias(entity_of(data, "id", what), str(name), mark, plain)


async def set_metadata(vault: Vault, accessor: str, subject: Subject, custom_metadata: Mapping[str, str]) -> str:
    """Makes the alias, and an entity of its own with it, or changes its metadata. The entity's id; "" if all was so.

    It names no entity, so that the right to do it is no way into somebody else's.
    """
    what = f"the alias of {subject}"
    body = {"name": str(subject), "mount_accessor": accessor, "custom_metadata": custom_metadata}
    data = part(await vault.ask("POST", "identity/entity-alias", what, body), "data")
    return entity_of(data, "canonical_id", what) if data else ""


async def remove_entity(vault: Vault, entity: str) -> None:
    """Removes an entity with its aliases. One that is gone is no error."""
    await vault.ask("DELETE", f"identity/entity/id/{entity}", f"the entity {entity}")


def wanted_role(settings: VaultSettings, accessor: str, audience: str) -> Mapping[str, object]:
    """A role as it should be. Its tokens name whoever asks for them: the name is that of the caller's own alias.

    `mount` tells the clusters of one Vault apart.
    """
    name = f"{{{{identity.entity.aliases.{accessor}.name}}}}"
    template = f'{{"name": {name}, "mount": {json.dumps(settings.mount)}}}'
    return {"key": settings.key, "client_id": audience, "ttl": settings.token_seconds, "template": template}


async def read_role(vault: Vault, name: str) -> Mapping[str, object] | None:
    try:
        answer = await vault.ask("GET", _role_path(name), f"the role {name} of identity/oidc")
    except Refused as refused:
        if refused.code == "404":
            return None
        raise
    return part(answer, "data")


async def write_role(vault: Vault, name: str, role: Mapping[str, object]) -> None:
    await vault.ask("POST", _role_path(name), f"the role {name} of identity/oidc", role)


async def remove_role(vault: Vault, name: str) -> None:
    """Removes a role. One that is gone is no error."""
    await vault.ask("DELETE", _role_path(name), f"the role {name} of identity/oidc")


def _role_path(name: str) -> str:
    return f"identity/oidc/role/{name}"


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
