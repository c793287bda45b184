"""Requests to the IAM API."""

from collections.abc import Mapping

from attrs import field, frozen

from aegis_idp.errors import Refused, Throttled
from aegis_idp.http import Http, ask_json
from aegis_idp.values import Secret
from aegis_idp_gcp.refusals import NOT_FOUND, PERMISSION_DENIED

_HINTS: Mapping[str, str] = {
    PERMISSION_DENIED: "give {member} the custom role of docs/providers/gcp.md in the project {project}, and switch on "
    "iam.googleapis.com there",
    "UNAUTHENTICATED": "are config.iam and config.sts of the same cloud?",
}


@frozen
class Iam:
    """The IAM API v1 at `url`, for the service accounts of `project`, asked as `member`."""

    url: str
    project: str
    member: str
    http: Http = field(repr=False)
    token: Secret = field(repr=False)

    async def account(self, email: str) -> Mapping[str, object] | None:
        """None: there is no such service account. Raises ProviderError."""
        return await self._unless_missing("GET", f"/serviceAccounts/{email}")

    async def create(self, account_id: str, body: Mapping[str, object]) -> Mapping[str, object]:
        return await self._call("POST", "/serviceAccounts", {"accountId": account_id, "serviceAccount": body})

    async def patch(self, email: str, body: Mapping[str, object], mask: str) -> None:
        await self._call("PATCH", f"/serviceAccounts/{email}", {"serviceAccount": body, "updateMask": mask})

    async def delete(self, email: str) -> bool:
        """Whether there was something to delete. Raises ProviderError."""
        return await self._unless_missing("DELETE", f"/serviceAccounts/{email}") is not None

    async def policy(self, email: str) -> Mapping[str, object]:
        """Who may do what with a service account, with an etag."""
        return await self._call("POST", f"/serviceAccounts/{email}:getIamPolicy", {})

    async def set_policy(self, email: str, policy: Mapping[str, object]) -> None:
        """Raises Refused with the code ABORTED if the policy is no longer the one of its etag."""
        await self._call("POST", f"/serviceAccounts/{email}:setIamPolicy", {"policy": policy})

    async def _unless_missing(self, method: str, path: str) -> Mapping[str, object] | None:
        try:
            return await self._call(method, path)
        except Refused as error:
            if error.code == NOT_FOUND:
                return None
            raise

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Mapping[str, object]:
        url = f"{self.url}/v1/projects/{self.project}{path}"
        response = await ask_json(self.http, method, url, body, bearer=self.token)
        try:
            return response.good_answer(f"the IAM API at {self.url}, {method} {path}", self.token)
        except Throttled as error:
            hint = f"raise the quota of the project {self.project}, or remove service accounts that nobody needs"
            raise Throttled(f"{error}; {hint}", error.retry_after) from error
        except Refused as error:
            hint = _HINTS.get(error.code, "")
            if not hint:
                raise
            way_out = hint.format(project=self.project, member=self.member)
            raise Refused(f"{error}; {way_out}", error.code) from error
