"""The objects of one Identity at Keycloak, as they should be. Pure.

The client is the record of all that belongs to it: its attribute `aegis.audiences` names the scopes before they are
made and until they are gone, so that whatever stops a run, the next one knows what is there.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import Owner

_CLUSTER, _UID, _AUDIENCES = "aegis.cluster", "aegis.uid", "aegis.audiences"
_NAMESPACE = uuid.UUID("6f1d0a3c-5a0e-4b7e-9a64-0a3f1f5f8c21")  # ours: below it is what scope_id says
_LONGEST = 255  # Keycloak's columns for names and descriptions
_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3

DEFAULT_SCOPES = frozenset({"basic", "service_account"})
"""The scopes that count for each token: the one that holds `sub`, and what Keycloak adds to a service account."""

Document = Mapping[str, Any]


def scope_name(client: str, audience: str) -> str:
    """The scope by which `client` asks for `audience`. Raises Misconfigured where no scope can have the name."""
    if not _SCOPE_TOKEN.fullmatch(audience):
        raise Misconfigured(
            f"the audience {audience} cannot be a part of a scope (RFC 6749 section 3.3): set spec.audience of the "
            "provider to printable ASCII without spaces and quotes, like aegis"
        )
    name = f"{client}:{audience}"
    if len(name) > _LONGEST:
        raise Misconfigured(
            f"the client scope {name} would have {len(name)} characters, and Keycloak takes {_LONGEST}: use shorter "
            "names of namespace, ServiceAccount or destination, or a shorter word in config.subjectTemplate"
        )
    return name


def is_owned(document: Document, owner: Owner) -> bool:
    """Whether an object bears this owner's mark."""
    attributes = document.get("attributes") or {}
    return (attributes.get(_CLUSTER), attributes.get(_UID)) == (owner.cluster, owner.uid)


def recorded_audiences(client: Document) -> tuple[str, ...]:
    """The audiences for which the client has, or may have, scopes."""
    text = (client.get("attributes") or {}).get(_AUDIENCES)
    return tuple(text.split()) if isinstance(text, str) else ()


@frozen
class Wanted:
    """The client `name` of `subject`, federated with the identity provider `alias` of the realm."""

    name: str
    alias: str
    subject: Subject
    owner: Owner

    def client(self, audiences: Iterable[str]) -> dict[str, Any]:
        """The client (Keycloak: ClientRepresentation), which records `audiences`."""
        return {
            "clientId": self.name,
            "name": "made by Aegis",
            "description": str(self.subject)[:_LONGEST],
            "protocol": "openid-connect",
            "clientAuthenticatorType": "federated-jwt",
            "serviceAccountsEnabled": True,
            "publicClient": False,
            "bearerOnly": False,
            "standardFlowEnabled": False,
            "implicitFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "fullScopeAllowed": False,
            "attributes": {
                "jwt.credential.issuer": self.alias,
                "jwt.credential.sub": str(self.subject),
                _AUDIENCES: " ".join(sorted(set(audiences))),
                **self._mark(),
            },
            "protocolMappers": [],
        }

    def new_client(self, audiences: Iterable[str]) -> dict[str, Any]:
        """The client with what it starts with: without them it would get all scopes of the realm.

        `enabled` is said this once: a client that an administrator disables stays so.
        """
        scopes = {"defaultClientScopes": ["basic"], "optionalClientScopes": []}
        return {**self.client(audiences), **scopes, "enabled": True}

    def scope_id(self, audience: str) -> str:
        """The id of a scope: known beforehand, for Keycloak finds scopes by nothing else."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.owner.cluster}/{self.owner.uid}/{self.name}/{audience}"))

    def scope(self, audience: str) -> dict[str, Any]:
        """The client scope of one audience (Keycloak: ClientScopeRepresentation)."""
        mapper = {
            "name": "audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": audience, "access.token.claim": "true", "id.token.claim": "false"},
        }
        return {
            "id": self.scope_id(audience),
            "name": scope_name(self.name, audience),
            "description": f"The audience {audience}, made by Aegis"[:_LONGEST],
            "protocol": "openid-connect",
            "attributes": {"include.in.token.scope": "false", "display.on.consent.screen": "false", **self._mark()},
            "protocolMappers": [mapper],
        }

    def _mark(self) -> dict[str, str]:
        return {_CLUSTER: self.owner.cluster, _UID: self.owner.uid}


def is_as(found: Document, wanted: Document) -> bool:
    """Whether all that `wanted` says holds of `found`, which may say more; its mappers are exactly those wanted."""
    mappers = found.get("protocolMappers") or []
    return _covers({**found, "protocolMappers": mappers}, wanted) and len(mappers) == len(wanted["protocolMappers"])


def _covers(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_covers(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) >= len(wanted) and all(map(_covers, found, wanted))
    return bool(found == wanted)
