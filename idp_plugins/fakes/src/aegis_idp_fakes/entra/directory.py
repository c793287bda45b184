"""What a tenant of Entra ID holds."""

import uuid
from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.propagation import Propagation


@frozen
class Federation:
    """A federated identity credential: whose tokens stand for the application."""

    name: str
    issuer: str
    subject: str
    audience: str
    born: int = field(default=0, eq=False, repr=False)


@define
class Application:
    """An application and, once it is made, its service principal.

    `roles` are the Graph permissions that an administrator granted to it, `uris` its identifier URIs, and
    `token_version` is that of tokens for it (`requestedAccessTokenVersion`). `born` is None for what was always there.
    """

    id: str
    app_id: str
    owner: str = ""
    unique_name: str | None = None
    properties: dict[str, Any] = field(factory=dict)
    token_version: int = 2
    uris: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    idtyp: bool = True
    assignment_required: bool = False
    principal_id: str | None = None
    federations: dict[str, Federation] = field(factory=dict)
    born: int | None = None

    def shown(self) -> dict[str, Any]:
        """As Graph shows it."""
        return {"id": self.id, "appId": self.app_id, "uniqueName": self.unique_name, **self.properties}


@define
class Directory:
    """One tenant. Deleted applications are kept for 30 days, and keep their names."""

    tenant: str
    propagation: Propagation
    issuers: Http = field(default=INTERNET, repr=False)
    applications: dict[str, Application] = field(factory=dict)
    deleted: dict[str, Application] = field(factory=dict)

    def register(self, **fields: Any) -> Application:
        """An application with its service principal, as an administrator makes one."""
        made = Application(str(uuid.uuid4()), str(uuid.uuid4()), principal_id=str(uuid.uuid4()), **fields)
        self.applications[made.id] = made
        return made

    def seen(self, application: Application) -> bool:
        return application.born is None or self.propagation.reached(application.born)

    def by_app_id(self, app_id: str) -> Application | None:
        """The application that the whole directory knows by now."""
        found = next((one for one in self.applications.values() if one.app_id == app_id), None)
        return found if found is not None and self.seen(found) else None

    def by_resource(self, resource: str) -> Application | None:
        """The application whose tokens are asked for, by client id or identifier URI."""
        found = (one for one in self.applications.values() if resource == one.app_id or resource in one.uris)
        return next(found, None)

    def by_unique_name(self, name: str, among: Mapping[str, Application] | None = None) -> Application | None:
        there = self.applications if among is None else among
        return next((one for one in there.values() if one.unique_name == name), None)

    def state(self) -> object:
        """All that was made by Graph, as a value to compare; ids that the service chose are left out."""
        return sorted(
            (
                str(one.unique_name),
                deleted,
                repr(sorted(one.properties.items())),
                one.principal_id is not None,
                repr(sorted(one.federations.items())),
            )
            for deleted, there in ((False, self.applications), (True, self.deleted))
            for one in there.values()
        )
