"""The Security Token Service: a token of the cluster for an opaque access token (RFC 8693).

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
"""

import secrets
from collections.abc import Mapping

from attrs import field, frozen

from aegis_idp_fakes.assertions import BadAssertion, judged, unverified
from aegis_idp_fakes.google.errors import sts_error
from aegis_idp_fakes.google.project import Project

_ALGORITHMS = ("RS256", "ES256")
_LONGEST_SUBJECT = 127
_SCOPES = ("https://www.googleapis.com/auth/iam", "https://www.googleapis.com/auth/cloud-platform")


@frozen
class Exchange:
    """`members` says by access token which member of which project it stands for."""

    projects: Mapping[str, Project]
    members: dict[str, tuple[Project, str]] = field(factory=dict)

    def answer(self, form: Mapping[str, str]) -> dict[str, object]:
        """The token response. Raises Refusal."""
        kind = "urn:ietf:params:oauth:token-type:"
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
            raise sts_error("unsupported_grant_type", "Invalid grant_type.")
        if form.get("requested_token_type") != kind + "access_token" or form.get("subject_token_type") != kind + "jwt":
            raise sts_error("invalid_request", "Invalid requested_token_type or subject_token_type.")
        if form.get("scope") not in _SCOPES:
            raise sts_error("invalid_scope", "Invalid scope.")
        audience = form.get("audience", "").removeprefix("//iam.googleapis.com/")
        project = next((one for one in self.projects.values() if one.pool_provider == audience), None)
        if project is None:
            raise sts_error("invalid_target", "The target service indicated by the audience parameters is invalid.")
        token = secrets.token_urlsafe(32)
        self.members[token] = project, project.member(self._subject(project, form.get("subject_token", "")))
        issued = kind + "access_token"
        return {"access_token": token, "issued_token_type": issued, "token_type": "Bearer", "expires_in": 3600}

    def _subject(self, project: Project, token: str) -> str:
        """`google.subject`, which the pool's provider maps to `assertion.sub`."""
        try:
            if unverified(token).get("iss") != project.issuer:
                raise sts_error("invalid_grant", "The issuer in ID Token does not match the expected ones.")
            assertion = judged(token, project.issuer, _ALGORITHMS, project.issuers)
        except BadAssertion as bad:
            raise sts_error("invalid_grant", f"The given credential is rejected: {bad}.") from None
        if f"https://iam.googleapis.com/{project.pool_provider}" not in assertion.audiences:
            raise sts_error("invalid_grant", "The audience in ID Token does not match the expected audience.")
        if len(assertion.subject) > _LONGEST_SUBJECT:
            raise sts_error("invalid_grant", "The size of mapped attribute google.subject exceeds the 127 bytes limit.")
        return assertion.subject
