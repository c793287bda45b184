"""Entra ID and Graph on one address."""

import uuid
from urllib.parse import urlsplit

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.conformance.signing import KeyRing
from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.entra.directory import Application, Directory
from aegis_idp_fakes.entra.errors import aadsts, graph_error
from aegis_idp_fakes.entra.graph import Graph
from aegis_idp_fakes.entra.tokens import V1_ISSUER, issued
from aegis_idp_fakes.server import FakeServer


class Entra(FakeServer):
    """`url` is the authority (login.microsoftonline.com) and Graph (graph.microsoft.com) at once.

    All tenants share one set of keys, as they do in the cloud: who compares no tenant takes the tokens of all.
    """

    def __init__(self, issuers: Http = INTERNET) -> None:
        super().__init__(issuers)
        self.keys = KeyRing("RS256")
        self.directories: dict[str, Directory] = {}
        self._graph = Graph(self.directories, self.keys)

    def tenant(self) -> Directory:
        """A new tenant. Graph is an application in it, as in every one; its tokens are of version 1."""
        directory = Directory(str(uuid.uuid4()), self.propagation, self.issuers)
        directory.register(uris=(self.url,), token_version=1, properties={"displayName": "Microsoft Graph"})
        self.directories[directory.tenant] = directory
        return directory

    def provisioner(self, directory: Directory, *roles: str) -> Application:
        """The application as which a caller of Graph signs in, with permissions that an administrator granted."""
        granted = frozenset(roles or ("Application.ReadWrite.OwnedBy",))
        return directory.register(roles=granted, properties={"displayName": "aegis"})

    def answer(self, request: Received) -> Answer:
        path = urlsplit(request.path).path
        if path.startswith("/v1.0/"):
            return self._graph.answer(request)
        tenant, _, rest = path.removeprefix("/").partition("/")
        directory = self.directories.get(tenant)
        if directory is None:
            raise aadsts(90002, f"Tenant '{tenant}' not found.", "invalid_request")
        match request.method, rest:
            case "POST", "oauth2/v2.0/token":
                token = issued(directory, request.form(), self.url, self.keys.current)
                return Answer.json(
                    200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}
                )
            case "GET", "discovery/v2.0/keys" | "discovery/keys":
                return Answer.json(200, self._key_set(tenant))
            case "GET", "v2.0/.well-known/openid-configuration":
                return Answer.json(200, self._document(f"{self.url}/{tenant}/v2.0", tenant, "discovery/v2.0/keys"))
            case "GET", ".well-known/openid-configuration":
                return Answer.json(200, self._document(V1_ISSUER.format(tenant=tenant), tenant, "discovery/keys"))
        raise graph_error(404, "NotFound", "There is nothing here.")

    def _document(self, issuer: str, tenant: str, keys: str) -> dict[str, object]:
        return {
            "issuer": issuer,
            "jwks_uri": f"{self.url}/{tenant}/{keys}",
            "token_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/token",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _key_set(self, tenant: str) -> dict[str, object]:
        """As Entra ID publishes it: no `alg`, but the issuer and a thumbprint beside each key."""
        keys: list[dict[str, object]] = self.keys.key_set()["keys"]  # type: ignore[assignment]  # a JSON value
        extra = {"issuer": f"{self.url}/{tenant}/v2.0"}
        return {
            "keys": [
                {**{name: value for name, value in key.items() if name != "alg"}, "x5t": key["kid"], **extra}
                for key in keys
            ]
        }
