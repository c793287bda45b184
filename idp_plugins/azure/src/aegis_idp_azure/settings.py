"""The settings of a provider of the type `azure`."""

import re
from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from aegis_api.hosts import service_of
from aegis_api.names import Subject
from aegis_idp.kept import keeper_of, kept_for, subject_of
from aegis_idp.settings import setting
from aegis_idp.urls import check_bare_url, check_base_url

_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUID_TEXT = re.compile(_GUID)
_V1_ISSUER = "https://sts.windows.net/{}/"


def is_guid(text: str) -> bool:
    return _GUID_TEXT.fullmatch(text) is not None


def _check_client_ids(ids: Mapping[str, str]) -> None:
    for name, client_id in ids.items():
        subject_of(name)
        if not is_guid(client_id):
            raise ValueError(f"a client id (a GUID) for {name}")
    if len({client_id.lower() for client_id in ids.values()}) < len(ids):
        raise ValueError("a client id of its own for each ServiceAccount")


def _check_destinations(applications: Mapping[str, str]) -> None:
    for name, client_id in applications.items():
        if service_of(name) is None:
            raise ValueError(f"the name of a Service, like orders.shop.svc, in place of {name!r}")
        if not is_guid(client_id):
            raise ValueError(f"a client id (a GUID) for {name}")
    if len({client_id.lower() for client_id in applications.values()}) < len(applications):
        raise ValueError("an application of its own for each Service: a token for one would be good at the other")


@frozen
class AzureSettings:
    """`tenant_id` is all that is needed where `provision_as` makes the applications, or `client_ids` names them."""

    tenant_id: str = setting("The tenant (directory) id.", pattern=_GUID, wanted="a tenant id, which is a GUID")
    provision_as: str | None = setting(
        "The client id of the application as which the reconcile function makes the others. Without it nothing is "
        "made, and clientIds says which applications there are.",
        default=None,
        pattern=_GUID,
        wanted="a client id, which is a GUID",
    )
    client_ids: Mapping[str, str] = setting(
        "Applications that somebody else keeps: NAMESPACE/NAME of a ServiceAccount, and its application's client id.",
        default={},
        check=_check_client_ids,
    )
    destinations: Mapping[str, str] = setting(
        "For audiencePerDestination, the applications that Services are at Entra ID: SERVICE.NAMESPACE.svc, and the "
        "client id.",
        default={},
        check=_check_destinations,
    )
    version: Literal["2.0", "1.0"] = setting(
        "The version of the access tokens, which the application of the provider's audience decides by its "
        "requestedAccessTokenVersion: 2, or 1 and none.",
        default="2.0",
    )
    authority: str = setting(
        "Where tokens are asked for. Other clouds have another one.",
        default="https://login.microsoftonline.com",
        check=check_bare_url,
    )
    issuer: str | None = setting(
        "What the iss of a token is. Default: AUTHORITY/TENANT/v2.0, or https://sts.windows.net/TENANT/ with "
        "version 1.0.",
        default=None,
        check=check_base_url,
    )
    graph: str = setting(
        "The address of Microsoft Graph. Other clouds have another one.",
        default="https://graph.microsoft.com",
        check=check_bare_url,
    )
    expiration_seconds: int = setting(
        "How long the ServiceAccount token lives that Entra ID is shown.", default=3600, low=600, high=86400
    )

    @property
    def tenant(self) -> str:
        """The tenant id as tokens spell it."""
        return self.tenant_id.lower()

    @property
    def token_issuer(self) -> str:
        default = f"{self.authority}/{self.tenant}/v2.0" if self.version == "2.0" else _V1_ISSUER
        return self.issuer or default.format(self.tenant)

    @property
    def token_endpoint(self) -> str:
        return f"{self.authority}/{self.tenant}/oauth2/v2.0/token"

    @property
    def key_set(self) -> str:
        return f"{self.authority}/{self.tenant}/discovery/v2.0/keys"

    @property
    def audiences(self) -> Mapping[str, str]:
        """What `aud` holds in a token for a Service."""
        return {name: client_id.lower() for name, client_id in self.destinations.items()}

    def client_id_of(self, subject: Subject) -> str | None:
        """The application that these settings name for a ServiceAccount."""
        client_id = kept_for(self.client_ids, subject)
        return client_id.lower() if client_id else None

    def subject_by(self, client_id: str) -> Subject | None:
        """Whose application it is by these settings."""
        return keeper_of({name: known.lower() for name, known in self.client_ids.items()}, client_id)
