from typing import Any

import pytest

from aegis_local.kube.authentication import Authenticator, impersonated
from aegis_local.kube.errors import ApiError
from aegis_local.kube.objects import Object
from aegis_local.kube.store import Store
from aegis_local.kube.tokens import Bound, InvalidTokenError, TokenIssuer, claims
from aegis_local.kube.users import ADMIN

URL = "https://127.0.0.1:1"
NOW = 1_800_000_000
ISSUER = TokenIssuer(URL)


def stored(store: Store, plural: str, name: str) -> Object:
    obj = {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}"}}
    return store.put(("", plural), obj, None)


@pytest.fixture
def store() -> Store:
    """A ServiceAccount, a pod and a secret."""
    store = Store()
    for plural, name in (("serviceaccounts", "a"), ("pods", "p"), ("secrets", "s")):
        stored(store, plural, name)
    return store


def authenticator(store: Store) -> Authenticator:
    return Authenticator(store, ISSUER, {"secret": ADMIN}, lambda: NOW)


def token(store: Store, bound: Bound | None = None, audiences: list[str] = [URL]) -> str:
    account = store.get(("", "serviceaccounts"), "shop", "a")
    assert account is not None
    return ISSUER.sign(claims(URL, account, audiences, 600, bound, NOW, "id", None))


def test_static_tokens(store: Store) -> None:
    """The scheme's case does not matter; the token's does."""
    assert authenticator(store).user_of("bearer  secret ") is ADMIN
    assert authenticator(store).reviewed("secret", ["x", URL]) == (ADMIN, [URL])


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic c2VjcmV0", "Bearer SECRET", "Bearer a.b.c"])
def test_everything_else_is_unauthorized(store: Store, header: str) -> None:
    """401 that says nothing more."""
    with pytest.raises(ApiError, match="Unauthorized") as refusal:
        authenticator(store).user_of(header)
    assert refusal.value.code == 401


def test_service_account_tokens(store: Store) -> None:
    """They name the account, the token's id, and the pod they are bound to."""
    user = authenticator(store).user_of("Bearer " + token(store, Bound("pod", "p", "uid-p")))
    assert (user.name, user.uid) == ("system:serviceaccount:shop:a", "uid-a")
    assert dict(user.extra) == {
        "authentication.kubernetes.io/credential-id": ("JTI=id",),
        "authentication.kubernetes.io/pod-name": ("p",),
        "authentication.kubernetes.io/pod-uid": ("uid-p",),
    }


def test_tokens_for_others_are_not_for_the_api(store: Store) -> None:
    """An audience of its own keeps a token from the API server."""
    with pytest.raises(ApiError):
        authenticator(store).user_of("Bearer " + token(store, audiences=["other"]))
    assert authenticator(store).reviewed(token(store, audiences=["other"]), ["other"])[1] == ["other"]


@pytest.mark.parametrize(
    ("plural", "name", "kind"), [("serviceaccounts", "a", None), ("pods", "p", "pod"), ("secrets", "s", "secret")]
)
def test_tokens_end_with_what_they_are_bound_to(store: Store, plural: str, name: str, kind: str | None) -> None:
    """Also when an object of the same name comes back."""
    bound = token(store, Bound(kind, name, f"uid-{name}") if kind else None)
    authenticator(store).user_of("Bearer " + bound)
    obj = store.get(("", plural), "shop", name)
    assert obj is not None
    store.delete(("", plural), obj)
    with pytest.raises(InvalidTokenError, match="is gone"):
        authenticator(store).reviewed(bound, [URL])
    store.put(("", plural), {"metadata": {"name": name, "namespace": "shop", "uid": "another"}}, None)
    with pytest.raises(InvalidTokenError, match="is gone"):
        authenticator(store).reviewed(bound, [URL])


@pytest.mark.parametrize(
    ("headers", "name", "groups"),
    [
        ({"impersonate-user": "x"}, "x", {"system:authenticated"}),
        ({"impersonate-user": "x", "impersonate-group": "a,b"}, "x", {"a", "b", "system:authenticated"}),
        (
            {"impersonate-user": "system:serviceaccount:shop:a"},
            "system:serviceaccount:shop:a",
            {"system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"},
        ),
    ],
)
def test_impersonation(headers: Any, name: str, groups: set[str]) -> None:
    """The user and groups asked for; an account brings its own groups."""
    user = impersonated(headers)
    assert user is not None
    assert (user.name, set(user.groups)) == (name, groups)


def test_nobody_is_impersonated_without_a_header() -> None:
    """Groups alone are no user."""
    assert impersonated({"impersonate-group": "a"}) is None
