"""What exists for an identity, as Vault shows it."""

import json
from collections.abc import Mapping

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.values import Owner
from aegis_idp_vault.marks import Mark
from aegis_idp_vault.objects import find_accessor, find_alias, read_role, wanted_role
from aegis_idp_vault.settings import VaultSettings
from aegis_idp_vault.wire import Vault
from support.fake_http import FakeHttp, answer

ORDERS = Subject("shop", "orders")
SETTINGS = VaultSettings("https://vault.example")
API = "https://vault.example/v1"
ALIAS = {"name": str(ORDERS), "mount_accessor": "auth_jwt_1", "custom_metadata": None}
PLAIN = {
    "id": "an-entity",
    "name": "entity_1a2b3c4d",
    "aliases": [ALIAS],
    "metadata": None,
    "policies": [],
    "direct_group_ids": [],
}
MARKED = {**ALIAS, "custom_metadata": {"aegis-cluster": "c", "aegis-uid": "u"}}


def _vault(path: str, value: object, status: int = 200) -> Vault:
    return Vault(SETTINGS, FakeHttp({f"{API}/{path}": answer(value, status)}))


@pytest.mark.parametrize(
    ("changes", "plain", "mark"),
    [
        ({}, True, None),
        ({"aliases": [MARKED]}, True, Mark(Owner("c", "u"), {})),
        ({"name": "orders"}, False, None),
        ({"metadata": {"team": "shop"}}, False, None),
        ({"policies": ["orders"]}, False, None),
        ({"direct_group_ids": ["a-group"]}, False, None),
        ({"aliases": [ALIAS, {**ALIAS, "mount_accessor": "auth_userpass_2"}]}, False, None),
        ({"aliases": [{**ALIAS, "custom_metadata": {"team": "shop"}}]}, False, None),
        (
            {"aliases": [{**MARKED, "custom_metadata": {"aegis-cluster": "c", "aegis-uid": "u", "team": "shop"}}]},
            False,
            Mark(Owner("c", "u"), {}, {"team": "shop"}),
        ),
    ],
)
def test_plain_is_what_a_first_login_makes(changes: Mapping[str, object], plain: bool, mark: Mark | None) -> None:
    """Whatever else is there came from somebody."""
    found = run(find_alias(_vault("identity/lookup/entity", {"data": {**PLAIN, **changes}}), "auth_jwt_1", ORDERS))
    assert found is not None
    assert (found.entity, found.plain, found.mark) == ("an-entity", plain, mark)


@pytest.mark.parametrize("entity", [None, "", "../root", 5])
def test_an_id_that_is_none(entity: object) -> None:
    """It would become a part of a path."""
    with pytest.raises(Unavailable, match="holds no id"):
        run(find_alias(_vault("identity/lookup/entity", {"data": {**PLAIN, "id": entity}}), "auth_jwt_1", ORDERS))


@pytest.mark.parametrize("mounts", [{}, {"jwt/": {}}, {"jwt/": {"accessor": ""}}, {"other/": {"accessor": "a"}}])
def test_a_mount_without_accessor(mounts: Mapping[str, object]) -> None:
    """There is no auth method of that path."""
    with pytest.raises(Misconfigured, match="no auth method of this path"):
        run(find_accessor(_vault("sys/auth", {"data": mounts})))


def test_an_absent_role_is_none() -> None:
    """And a refusal is none of that."""
    assert run(read_role(_vault("identity/oidc/role/x", {"errors": []}, 404), "x")) is None
    with pytest.raises(Refused):
        run(read_role(_vault("identity/oidc/role/x", {"errors": ["permission denied"]}, 403), "x"))


def test_a_role_names_its_caller() -> None:
    """So even who may ask for another's role gets a token of their own name."""
    role = wanted_role(SETTINGS, "auth_jwt_1", "aegis")
    assert (role["key"], role["client_id"], role["ttl"]) == ("default", "aegis", 3600)
    template = str(role["template"]).replace("{{identity.entity.aliases.auth_jwt_1.name}}", json.dumps(str(ORDERS)))
    assert json.loads(template) == {"name": str(ORDERS), "mount": "jwt"}
