"""Keycloak's admin REST API, as far as clients and their scopes need it."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from aegis_idp.errors import Misconfigured, Refused, Unavailable
from aegis_idp.http import Http, Response, ask_json
from aegis_idp.redaction import quoted
from aegis_idp.values import Secret

Document = Mapping[str, Any]
Kind = Literal["default", "optional"]


@frozen
class Admin:
    """The API of one realm, whose admin URL is `url`, asked with an access token of that realm."""

    http: Http = field(repr=False)
    url: str
    token: Secret

    async def client(self, client_id: str) -> Document | None:
        """The client of exactly this client id."""
        answer = await self._ask("GET", f"/clients?clientId={client_id}")
        found = [client for client in _list(answer, self._what("/clients")) if client.get("clientId") == client_id]
        return found[0] if found else None

    async def make_client(self, client: Document) -> str:
        """The new client's own id. Raises Unavailable if one of the same client id was made meanwhile."""
        response = await self._ask("POST", "/clients", client, conflict=True)
        if response is None:
            raise Unavailable(f"{self._what('/clients')}: {client['clientId']} was made by somebody else meanwhile")
        own_id = response.headers.get("location", "").rpartition("/")[2]
        if not own_id:
            raise Unavailable(f"{self._what('/clients')}: the answer does not say where the client is")
        return own_id

    async def change_client(self, own_id: str, client: Document) -> None:
        await self._ask("PUT", f"/clients/{own_id}", client)

    async def remove_client(self, own_id: str) -> None:
        """A client that is gone already is removed."""
        await self._ask("DELETE", f"/clients/{own_id}", missing=True)

    async def scope(self, scope_id: str) -> Document | None:
        path = f"/client-scopes/{scope_id}"
        response = await self._ask("GET", path, missing=True)
        return None if response is None else response.json_object(self._what(path))

    async def make_scope(self, scope: Document) -> bool:
        """Whether it was made: False if there is one of that name or id."""
        return await self._ask("POST", "/client-scopes", scope, conflict=True) is not None

    async def remove_scope(self, scope_id: str) -> None:
        """A scope that is gone already is removed."""
        await self._ask("DELETE", f"/client-scopes/{scope_id}", missing=True)

    async def assigned(self, own_id: str, kind: Kind) -> dict[str, str]:
        """The ids of the scopes that a client has, by name."""
        path = f"/clients/{own_id}/{kind}-client-scopes"
        return {str(scope.get("name")): str(scope.get("id")) for scope in _list(await self._ask("GET", path), path)}

    async def assign(self, own_id: str, scope_id: str) -> None:
        """Makes a scope an optional one of a client: it counts where a request names it."""
        await self._ask("PUT", f"/clients/{own_id}/optional-client-scopes/{scope_id}")

    async def unassign(self, own_id: str, kind: Kind, scope_id: str) -> None:
        await self._ask("DELETE", f"/clients/{own_id}/{kind}-client-scopes/{scope_id}", missing=True)

    async def _ask(
        self, method: str, path: str, body: Document | None = None, *, missing: bool = False, conflict: bool = False
    ) -> Response | None:
        """A good answer, or None for 404 with `missing` and for 409 with `conflict`."""
        response = await ask_json(self.http, method, self.url + path, body, bearer=self.token)
        if 200 <= response.status < 300:
            return response
        if (missing and response.status == 404) or (conflict and response.status == 409):
            return None
        what = self._what(path)
        try:
            response.good_answer(what, self.token)
        except Refused as error:
            raise Refused(f"{error}{self._said(response)}; {_way_out(response.status)}", error.code) from error
        raise Unavailable(f"{what}: answered with status {response.status}")

    def _what(self, path: str) -> str:
        return f"Keycloak's admin API at {self.url}{path.partition('?')[0]}"

    def _said(self, response: Response) -> str:
        """Keycloak's own explanation, which is not where OAuth 2.0 has it."""
        try:
            said = response.json_object("").get("errorMessage")
        except Unavailable:
            return ""
        return f" ({quoted(said, (self.token,))})" if isinstance(said, str) else ""


def admin_url(issuer: str, chosen: str | None) -> str:
    """The admin URL of the realm of an issuer, unless another one is chosen."""
    if chosen is not None:
        return chosen.removesuffix("/")
    base, realms, realm = issuer.removesuffix("/").rpartition("/realms/")
    if not realms:
        raise Misconfigured(f"the issuer {issuer} is not of the form https://HOST/realms/REALM: set keycloak.adminUrl")
    return f"{base}/admin/realms/{realm}"


def _way_out(status: int) -> str:
    if status == 401:
        return "it does not take a token of the issuer's realm: is config.keycloak.adminUrl that of the same realm?"
    if status == 403:
        return (
            "give the service account of the reconcile function's client the role manage-clients of realm-management, "
            "in that realm, and let its tokens hold it (full scope allowed)"
        )
    if status == 404:
        return "is that the realm's admin URL? Set config.keycloak.adminUrl if it is another one"
    return "look at Keycloak's log for the reason"


def _list(response: Response | None, what: str) -> list[Document]:
    """The JSON objects of a list. Raises Unavailable for anything else: a proxy's page is no answer."""
    try:
        value = json.loads(response.body) if response else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unavailable(f"{what}: the answer is not a list of JSON objects")
    return value
