from aegis_local.kube.users import ADMIN, MASTERS, User, controller, service_account


def test_service_accounts_have_their_groups() -> None:
    """All accounts, those of the namespace, and the authenticated."""
    user = service_account("shop", "a", "u-1", {"k": ("v",)})
    assert user.name == "system:serviceaccount:shop:a"
    assert user.rendered() == {
        "username": "system:serviceaccount:shop:a",
        "uid": "u-1",
        "groups": ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:shop"],
        "extra": {"k": ["v"]},
    }


def test_empty_parts_are_left_out() -> None:
    """A user of a name alone is just that."""
    assert User("x").rendered() == {"username": "x"}


def test_who_may_do_everything() -> None:
    """The administrator and the server's own controllers."""
    assert MASTERS in ADMIN.groups
    assert MASTERS in controller("x").groups
