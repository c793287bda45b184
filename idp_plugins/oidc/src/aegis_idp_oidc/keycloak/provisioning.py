"""Makes and removes what an Identity has at Keycloak. A run looks first, and writes only what is not as it should be.

The order matters. The client comes first and goes last, and records its scopes before there are any: see `wanted`.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import get_args

from attrs import evolve, field, frozen

from aegis_idp.claims import bearer_of
from aegis_idp.destinations import destinations
from aegis_idp.errors import ForeignObject, Misconfigured, Refused
from aegis_idp.http import Http
from aegis_idp.oauth import JWT_BEARER_ASSERTION, fetch_token
from aegis_idp.values import Provisioned, ProvisionRequest
from aegis_idp_oidc.keycloak.admin import Admin, Document, Kind, admin_url
from aegis_idp_oidc.keycloak.settings import KeycloakSettings
from aegis_idp_oidc.keycloak.wanted import DEFAULT_SCOPES, Wanted, is_as, is_owned, recorded_audiences, scope_name
from aegis_idp_oidc.settings import OidcSettings
from aegis_idp_oidc.templates import filled

CLIENT = "clientId"
"""The key of `Provisioned.metadata` that holds the client's id."""


async def make(
    settings: OidcSettings, keycloak: KeycloakSettings, request: ProvisionRequest, http: Http
) -> Provisioned:
    """Brings client and scopes to what they should be. Raises ForeignObject for what was made by somebody else."""
    audiences = destinations(request.hosts) if request.audience_per_destination else (request.audience,)
    identity = await _look(settings, keycloak, request, http)
    await _remove_former(identity, request)
    await identity.make(audiences)
    return Provisioned({CLIENT: identity.wanted.name})


async def remove(settings: OidcSettings, keycloak: KeycloakSettings, request: ProvisionRequest, http: Http) -> None:
    """Removes client and scopes. Raises ForeignObject for a client that was made by somebody else."""
    try:
        audiences = destinations(request.hosts) if request.audience_per_destination else (request.audience,)
    except Misconfigured:  # such an Identity never had a scope
        audiences = ()
    identity = await _look(settings, keycloak, request, http)
    await _remove_former(identity, request)
    await identity.remove(audiences)


async def _remove_former(identity: "_Identity", request: ProvisionRequest) -> None:
    """Removes what the last run made, if the settings gave it another name then, and it is ours still."""
    name = request.metadata.get(CLIENT, identity.wanted.name)
    if name != identity.wanted.name:
        with suppress(ForeignObject):
            await evolve(identity, wanted=evolve(identity.wanted, name=name)).remove(())


async def _look(
    settings: OidcSettings, keycloak: KeycloakSettings, request: ProvisionRequest, http: Http
) -> "_Identity":
    subject = request.subject
    name = filled(settings.subject_template, namespace=subject.namespace, name=subject.name)
    wanted = Wanted(name, keycloak.identity_provider, subject, request.owner)
    return _Identity(await _login(settings, keycloak, request, http), wanted)


async def _login(settings: OidcSettings, keycloak: KeycloakSettings, request: ProvisionRequest, http: Http) -> Admin:
    """The API as the reconcile function, which shows its own ServiceAccount token."""
    url = admin_url(settings.issuer, keycloak.admin_url)
    assertion = request.host_token_at(settings.issuer)
    # Keycloak's own fixed place. A discovery document, or a setting, could lead the function's token elsewhere.
    endpoint = f"{settings.issuer.removesuffix('/')}/protocol/openid-connect/token"
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": assertion.reveal(),
    }
    try:
        return Admin(http, url, await fetch_token(http, endpoint, form, secrets=(assertion,)))
    except Refused as error:
        raise Refused(
            f"{error}; the realm must have a client of the reconcile function, with the authenticator federated-jwt "
            f"and the subject {bearer_of(assertion)}, and the identity provider {keycloak.identity_provider} must "
            "trust this cluster (docs/providers/keycloak.md)",
            error.code,
        ) from error


@frozen
class _Identity:
    """What one Identity has in the realm."""

    admin: Admin = field(repr=False)
    wanted: Wanted

    async def make(self, audiences: Sequence[str]) -> None:
        names = {audience: scope_name(self.wanted.name, audience) for audience in audiences}
        own_id, client = await self._client(audiences)
        assigned = set(client["optionalClientScopes"])
        for audience, name in names.items():
            await self._scope(audience, name in assigned, own_id)
        gone = sorted(set(recorded_audiences(client)) - set(audiences))
        for audience in gone:
            await self.admin.remove_scope(self.wanted.scope_id(audience))
        if gone:
            await self.admin.change_client(own_id, self.wanted.client(audiences))
        ours = {*names.values(), *(scope_name(self.wanted.name, audience) for audience in gone)}
        await self._unassign("optional", assigned - ours, own_id)
        await self._unassign("default", set(client["defaultClientScopes"]) - DEFAULT_SCOPES, own_id)

    async def remove(self, audiences: Sequence[str]) -> None:
        """`audiences` are those that there may be scopes for even where the client is gone."""
        client = await self.admin.client(self.wanted.name)
        if client is not None:
            self._require_owned(client)
        for audience in sorted({*audiences, *recorded_audiences(client or {})}):
            await self.admin.remove_scope(self.wanted.scope_id(audience))
        if client is not None:
            await self.admin.remove_client(str(client["id"]))

    async def _client(self, audiences: Sequence[str]) -> tuple[str, Document]:
        """The client, which now records the audiences that it had and those that it shall have, as it was found."""
        client = await self.admin.client(self.wanted.name)
        if client is None:
            new = self.wanted.new_client(audiences)
            return await self.admin.make_client(new), new
        self._require_owned(client)
        right = self.wanted.client((*audiences, *recorded_audiences(client)))
        if not is_as(client, right):
            await self.admin.change_client(str(client["id"]), right)
        scopes: Document = {f"{kind}ClientScopes": client.get(f"{kind}ClientScopes") or () for kind in get_args(Kind)}
        return str(client["id"]), {**client, **scopes}

    async def _scope(self, audience: str, assigned: bool, own_id: str) -> None:
        """The scope as it should be, and one of the client's."""
        right = self.wanted.scope(audience)
        if not assigned and await self.admin.make_scope(right):
            await self.admin.assign(own_id, right["id"])
            return
        found = await self.admin.scope(right["id"])
        if found is None or not is_owned(found, self.wanted.owner):
            raise ForeignObject(
                f"the client scope {right['name']} at {self.admin.url} was not made for this Identity of this cluster: "
                "remove it there, or choose another config.subjectTemplate for this cluster"
            )
        mended = not is_as(found, right)
        if mended:  # Keycloak changes no mappers of a scope that is there
            await self.admin.remove_scope(right["id"])
            await self.admin.make_scope(right)
        if mended or not assigned:
            await self.admin.assign(own_id, right["id"])

    async def _unassign(self, kind: Kind, names: Iterable[str], own_id: str) -> None:
        """Takes scopes away that somebody gave to the client: its tokens would hold what they put in."""
        surplus = set(names)
        if surplus:
            for name, scope_id in (await self.admin.assigned(own_id, kind)).items():
                if name in surplus:
                    await self.admin.unassign(own_id, kind, scope_id)

    def _require_owned(self, client: Document) -> None:
        if not is_owned(client, self.wanted.owner):
            raise ForeignObject(
                f"the client {self.wanted.name} at {self.admin.url} was not made for this Identity of this cluster: "
                "remove it there, or choose another config.subjectTemplate for this cluster"
            )
