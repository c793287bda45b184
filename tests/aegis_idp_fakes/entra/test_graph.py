"""Graph: what it refuses. What it makes is shown by the plugin's own tests."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from attrs import define

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp_fakes.entra import Application, Directory, Entra
from aegis_idp_fakes.entra.tokens import claims_of

ONE = "/applications(uniqueName='one')"
MISSING = {"prefer": "create-if-missing"}
FEDERATION: dict[str, Any] = {"issuer": "https://i", "subject": "s", "audiences": ["a"]}


@define
class Caller:
    entra: Entra
    directory: Directory
    application: Application

    def token(self) -> str:
        graph = self.directory.by_resource(self.entra.url)
        assert graph is not None
        scope = f"{self.entra.url}/.default"
        return self.entra.keys.current.sign(claims_of(self.directory, self.application, graph, scope, self.entra.url))

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] = {}, token: str = ""
    ) -> tuple[int, Any]:
        response = run(
            BlockingHttp(ca_file=str(self.entra.ca_file)).request(
                method,
                f"{self.entra.url}/v1.0{path}",
                headers={"authorization": f"Bearer {token or self.token()}", **headers},
                body=b"" if body is None else json.dumps(body).encode(),
            )
        )
        return response.status, json.loads(response.body or b"{}")

    def code(self, *asked: Any, **more: Any) -> tuple[int, str]:
        status, answer = self.ask(*asked, **more)
        return status, answer["error"]["code"]

    def made(self) -> dict[str, Any]:
        status, made = self.ask("PATCH", ONE, {"displayName": "x"}, MISSING)
        assert status == 201
        return dict(made)


@pytest.fixture
def caller() -> Iterator[Caller]:
    with Entra() as entra:
        directory = entra.tenant()
        yield Caller(entra, directory, entra.provisioner(directory))


def test_only_permitted_applications_of_the_tenant_are_answered(caller: Caller) -> None:
    """A token for something else, a forged one, and one without a permission."""
    assert caller.code("GET", ONE, token="x") == (401, "InvalidAuthenticationToken")
    mesh = caller.directory.register()
    claims = claims_of(caller.directory, caller.application, mesh, f"{mesh.app_id}/.default", caller.entra.url)
    other = caller.entra.keys.current.sign(claims)
    assert caller.code("GET", ONE, token=other) == (401, "InvalidAuthenticationToken")
    caller.application.roles = frozenset({"User.Read.All"})
    assert caller.code("GET", ONE) == (403, "Authorization_RequestDenied")


def test_an_application_is_its_makers(caller: Caller) -> None:
    """Another caller with OwnedBy may read it, and neither change nor delete it; one with All may."""
    made = caller.made()
    caller.application = caller.entra.provisioner(caller.directory)
    assert caller.ask("GET", ONE)[0] == 200
    assert caller.code("PATCH", ONE, {"displayName": "y"}) == (403, "Authorization_RequestDenied")
    assert caller.code("DELETE", f"/applications/{made['id']}") == (403, "Authorization_RequestDenied")
    caller.application = caller.entra.provisioner(caller.directory, "Application.ReadWrite.All")
    assert caller.ask("PATCH", ONE, {"displayName": "y"})[0] == 204


def test_deleted_applications_keep_their_names(caller: Caller) -> None:
    """Until they are removed for good."""
    made = caller.made()
    assert caller.ask("DELETE", f"/applications/{made['id']}")[0] == 204
    assert caller.code("PATCH", ONE, {"displayName": "x"}, MISSING) == (400, "Request_BadRequest")
    deleted = "/directory/deletedItems/microsoft.graph.application"
    assert caller.code("GET", deleted) == (400, "Request_UnsupportedQuery")
    listed = caller.ask("GET", f"{deleted}?$filter={quote(chr(39).join(('displayName eq ', 'x', '')))}")[1]["value"]
    assert [one["id"] for one in listed] == [made["id"]]
    purge = f"/directory/deletedItems/{made['id']}"
    assert caller.ask("DELETE", purge)[0] == 204
    assert caller.code("DELETE", purge) == (404, "Request_ResourceNotFound")
    caller.made()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", ONE, None, {}, (404, "Request_ResourceNotFound")),
        ("PATCH", ONE, {"displayName": "x"}, {}, (404, "Request_ResourceNotFound")),
        ("PATCH", ONE, {}, MISSING, (400, "Request_BadRequest")),
        ("PATCH", ONE, [], MISSING, (400, "BadRequest")),
        ("PATCH", "/servicePrincipals(appId='nobody')", {}, MISSING, (404, "Request_ResourceNotFound")),
        ("GET", "/users", None, {}, (400, "BadRequest")),
    ],
)
def test_what_is_not_there_or_not_whole_is_refused(
    caller: Caller, method: str, path: str, body: object, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """With Graph's own codes."""
    assert caller.code(method, path, body, headers) == expected


def test_federated_credentials_have_limits(caller: Caller) -> None:
    """A name, one audience, lengths, no second record of the same subject, and twenty of them."""
    path = f"/applications/{caller.made()['id']}/federatedIdentityCredentials"

    def put(name: str, **changes: object) -> int:
        return caller.ask("PATCH", f"{path}(name='{name}')", {**FEDERATION, **changes}, MISSING)[0]

    assert [put("k8s"), put("k8s"), put("k8s", subject="t")] == [201, 204, 204]
    assert caller.ask("GET", path)[1]["value"] == [{"name": "k8s", **FEDERATION, "subject": "t"}]
    bad: list[dict[str, object]] = [
        {"audiences": []},
        {"audiences": ["a", "b"]},
        {"subject": "s" * 601},
        {"issuer": ""},
    ]
    assert [put("bad", **changes) for changes in bad] == [400] * 4
    assert [put("x", subject="u"), put("same", subject="t")] == [400, 400]
    assert caller.code("PATCH", f"{path}(name='new')", {**FEDERATION, "subject": "u"}) == (
        404,
        "Request_ResourceNotFound",
    )
    assert [put(f"more-{number}", subject=f"u{number}") for number in range(19)] == [201] * 19
    assert put("one-too-many", subject="v") == 400


def test_service_principals_are_made_once(caller: Caller) -> None:
    """And only if asked to."""
    path = f"/servicePrincipals(appId='{caller.made()['appId']}')"
    assert caller.code("PATCH", path, {}) == (404, "Request_ResourceNotFound")
    assert [caller.ask("PATCH", path, {}, MISSING)[0] for _ in range(2)] == [201, 204]
