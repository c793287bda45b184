"""Service accounts and ID tokens: what is refused. What is made is shown by the plugin's own tests."""

import json
from collections.abc import Iterator

import jwt
import pytest

from aegis_idp.conformance.loopback import Received
from aegis_idp_fakes.google import iam
from aegis_idp_fakes.google.project import ALL_PERMISSIONS
from aegis_idp_fakes.server import Refusal
from support.google_project import Mesh, google_project

ACCOUNTS = "/projects/aegis-mesh/serviceAccounts"
EMAIL = "orders@aegis-mesh.iam.gserviceaccount.com"


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    with google_project() as mesh:
        mesh.project.permissions[mesh.project.member("admin")] = ALL_PERMISSIONS
        mesh.project.register("orders", "s")
        yield mesh


def ask(
    mesh: Mesh, method: str, path: str, body: object = None, subject: str = "admin"
) -> tuple[int, dict[str, object]]:
    request = Received(method, path, {}, b"" if body is None else json.dumps(body).encode())
    try:
        answer = iam.answer(iam.Call(mesh.project, mesh.project.member(subject), request, mesh.google.keys), path)
    except Refusal as refusal:
        answer = refusal.answer
    value: dict[str, object] = json.loads(answer.body)
    return answer.status, value


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", ACCOUNTS, {"accountId": "x"}, 400),
        ("POST", ACCOUNTS, [], 400),
        ("POST", ACCOUNTS, {"accountId": "orders"}, 409),
        ("GET", f"{ACCOUNTS}/nobody@x", None, 404),
        ("GET", "/projects/another/serviceAccounts/a@b", None, 403),
        ("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy", {"policy": {"etag": "old", "bindings": []}}, 409),
        ("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy", {"policy": {"bindings": [{"role": "r", "members": ["x"]}]}}, 400),
        ("GET", "/projects", None, 404),
    ],
)
def test_what_is_wrong_is_refused(mesh: Mesh, method: str, path: str, body: object, status: int) -> None:
    """With Google's own statuses."""
    assert ask(mesh, method, path, body)[0] == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ACCOUNTS),
        ("GET", f"{ACCOUNTS}/{EMAIL}"),
        ("PATCH", f"{ACCOUNTS}/{EMAIL}"),
        ("DELETE", f"{ACCOUNTS}/{EMAIL}"),
        ("POST", f"{ACCOUNTS}/{EMAIL}:getIamPolicy"),
        ("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy"),
    ],
)
def test_each_call_takes_a_permission(mesh: Mesh, method: str, path: str) -> None:
    """A subject of the pool has none by itself."""
    assert ask(mesh, method, path, {}, subject="s")[0] == 403


def test_an_id_token_is_for_who_may_stand_for_the_account(mesh: Mesh) -> None:
    """With the address only if it is asked for; another subject, or no audience, gets none."""
    path = f"/projects/-/serviceAccounts/{EMAIL}:generateIdToken"
    assert ask(mesh, "POST", path, {"audience": "a"}, subject="admin")[0] == 403
    assert ask(mesh, "POST", path, {}, subject="s")[0] == 400
    for wanted in (True, False):
        status, answer = ask(mesh, "POST", path, {"audience": "a", "includeEmail": wanted}, subject="s")
        claims = jwt.decode(str(answer["token"]), options={"verify_signature": False})
        assert (status, claims["aud"], claims["iss"]) == (200, "a", "https://accounts.google.com")
        assert claims["sub"] == claims["azp"] == mesh.project.accounts[EMAIL].unique_id
        assert (claims.get("email"), claims.get("email_verified")) == ((EMAIL, True) if wanted else (None, None))
