"""The token endpoint of a tenant: client credentials with a ServiceAccount token as assertion (RFC 7523).

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, third case; claims:
https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

import secrets
import time
from collections.abc import Mapping

from aegis_idp.conformance.signing import SigningKey
from aegis_idp.oauth import JWT_BEARER_ASSERTION
from aegis_idp_fakes.assertions import Assertion, BadAssertion, Fault, judged, unverified
from aegis_idp_fakes.entra.directory import Application, Directory, Federation
from aegis_idp_fakes.entra.errors import aadsts

V1_ISSUER = "https://sts.windows.net/{tenant}/"
# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations: RS256 alone.
_ALGORITHMS = ("RS256",)
_LIFE = 3600


def issued(directory: Directory, form: Mapping[str, str], authority: str, key: SigningKey) -> str:
    """The access token that a request gets. Raises Refusal."""
    if form.get("grant_type") != "client_credentials":
        raise aadsts(70003, "The app requested an unsupported grant type.", "unsupported_grant_type")
    client = _client(directory, form)
    resource = _resource(directory, form.get("scope", ""))
    if client.principal_id is None:
        raise aadsts(7000229, "The client application is missing service principal in the tenant.", "invalid_client")
    if resource.assignment_required and resource is not client:
        raise aadsts(501051, "Application is not assigned to a role for the application.", "invalid_grant")
    return key.sign(claims_of(directory, client, resource, form["scope"], authority))


def _client(directory: Directory, form: Mapping[str, str]) -> Application:
    client = directory.by_app_id(form.get("client_id", ""))
    if client is None:
        raise aadsts(700016, "Application was not found in the directory.", "unauthorized_client")
    if form.get("client_assertion_type") != JWT_BEARER_ASSERTION or not form.get("client_assertion"):
        raise aadsts(7000218, "The request must contain: 'client_assertion' or 'client_secret'.")
    token = form["client_assertion"]
    try:
        issuer = unverified(token).get("iss")
        known = [one for one in client.federations.values() if directory.propagation.reached(one.born)]
        if issuer not in {one.issuer for one in known}:
            raise aadsts(700211, "No matching federated identity record found for presented assertion issuer.")
        assertion = judged(token, str(issuer), _ALGORITHMS, directory.issuers)
    except BadAssertion as bad:
        raise _BAD[bad.fault] from None
    _match(known, assertion)
    return client


def _match(known: list[Federation], shown: Assertion) -> None:
    """One record has issuer, subject and audience, each to the letter."""
    of_subject = [one for one in known if (one.issuer, one.subject) == (shown.issuer, shown.subject)]
    if not of_subject:
        raise aadsts(700213, "No matching federated identity record found for presented assertion subject.")
    if not any((one.audience,) == shown.audiences for one in of_subject):
        raise aadsts(700212, "No matching federated identity record found for presented assertion audience.")


def _resource(directory: Directory, scope: str) -> Application:
    name, default, rest = scope.partition("/.default")
    if not default or rest or not name:
        raise aadsts(1002012, "The provided value for scope is not valid.", "invalid_scope")
    resource = directory.by_resource(name)
    if resource is None:
        raise aadsts(500011, f"The resource principal named {name} was not found in the tenant.", "invalid_resource")
    if name != resource.app_id and name not in resource.uris:
        raise aadsts(90009, "Use the GUID based app identifier.", "invalid_request")
    return resource


_BAD = {
    Fault.MALFORMED: aadsts(50027, "JWT token is invalid or malformed.", "invalid_request"),
    Fault.ALGORITHM: aadsts(5002738, "Invalid JWT token: not a supported signature algorithm."),
    Fault.SIGNATURE: aadsts(50013, "Assertion failed signature validation.", "invalid_grant"),
    Fault.UNREACHABLE: aadsts(50166, "Request to external OIDC endpoint failed.", "invalid_request"),
    Fault.EXPIRED: aadsts(700024, "Client assertion is not within its valid time range."),
    Fault.CLAIMS: aadsts(50027, "JWT token is invalid or malformed.", "invalid_request"),
}


def claims_of(
    directory: Directory, client: Application, resource: Application, scope: str, authority: str
) -> dict[str, object]:
    """What an access token for `resource` says of `client`."""
    now = int(time.time())
    tenant = directory.tenant
    claims: dict[str, object] = {
        "iat": now,
        "nbf": now,
        "exp": now + _LIFE,
        "aio": secrets.token_urlsafe(24),
        "oid": client.principal_id,
        "sub": client.principal_id,
        "rh": secrets.token_urlsafe(24),
        "tid": tenant,
        "uti": secrets.token_urlsafe(16),
    }
    if resource.idtyp:
        claims["idtyp"] = "app"
    if resource.properties.get("displayName") == "Microsoft Graph":
        claims["roles"] = sorted(client.roles)
    if resource.token_version == 2:
        issuer = f"{authority}/{tenant}/v2.0"
        return {"aud": resource.app_id, "iss": issuer, "azp": client.app_id, "azpacr": "2", "ver": "2.0", **claims}
    issuer, asked = V1_ISSUER.format(tenant=tenant), scope.removesuffix("/.default")
    return {"aud": asked, "iss": issuer, "appid": client.app_id, "appidacr": "2", "idp": issuer, "ver": "1.0", **claims}
