"""Requests to Microsoft Graph."""

from collections.abc import Mapping

from attrs import field, frozen

from aegis_idp.errors import Refused
from aegis_idp.http import Http, ask_json
from aegis_idp.values import Secret

NOT_FOUND = "Request_ResourceNotFound"
DENIED = "Authorization_RequestDenied"
_HINTS: Mapping[str, str] = {
    DENIED: "has config.provisionAs the application permission Application.ReadWrite.OwnedBy, with admin consent?",
    "InvalidAuthenticationToken": "are config.graph and config.authority of the same cloud?",
    "Directory_QuotaExceeded": "remove applications that nobody needs, for good, or ask for more: an application may "
    "own 250 objects of the directory, deleted ones included",
}


@frozen
class Graph:
    """Graph v1.0 at `url`, asked as the application whose `token` it is."""

    url: str
    http: Http = field(repr=False)
    token: Secret = field(repr=False)

    async def get(self, path: str) -> Mapping[str, object] | None:
        """None: there is no such object. Raises ProviderError."""
        return await self._unless_missing("GET", path)

    async def delete(self, path: str) -> bool:
        """Whether there was something to delete. Raises ProviderError."""
        return await self._unless_missing("DELETE", path) is not None

    async def update(self, path: str, body: Mapping[str, object]) -> None:
        """Changes an object that is there. Raises ProviderError."""
        await self._call("PATCH", path, body)

    async def upsert(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """Makes an object, or changes it; the object if it was made, else nothing. Raises ProviderError."""
        return await self._call("PATCH", path, body, {"prefer": "create-if-missing"})

    async def _unless_missing(self, method: str, path: str) -> Mapping[str, object] | None:
        try:
            return await self._call(method, path)
        except Refused as error:
            if error.code == NOT_FOUND:
                return None
            raise

    async def _call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, headers: Mapping[str, str] = {}
    ) -> Mapping[str, object]:
        url = f"{self.url}/v1.0{path}"
        response = await ask_json(self.http, method, url, body, bearer=self.token, headers=headers)
        if response.status == 204:
            return {}
        what = f"Microsoft Graph at {self.url}, {method} {path.partition('?')[0]}"
        try:
            return response.good_answer(what, self.token)
        except Refused as error:
            hint = _HINTS.get(error.code)
            if hint is None:
                raise
            raise Refused(f"{error}; {hint}", error.code) from error
