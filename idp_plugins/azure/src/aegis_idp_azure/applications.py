"""An identity at Entra ID: an application, its service principal, and a federated identity credential on it.

The application's `uniqueName` is made of cluster and subject, so two clusters, or two namespaces, never meet. Its tags
say whose it is: who else may write `uniqueName` could have been there first.
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from attrs import frozen

from aegis_idp.claims import text_claim
from aegis_idp.errors import ClaimRefused, ForeignObject, Refused, Spreading, Unavailable
from aegis_idp.values import PRINCIPAL, Provisioned, ProvisionRequest
from aegis_idp_azure.graph import DENIED, NOT_FOUND, Graph
from aegis_idp_azure.tokens import EXCHANGE_AUDIENCE

_LONGEST_DISPLAY_NAME = 256
_SPREADING_SECONDS = 10.0


@frozen
class Wanted:
    """The application that is to be."""

    unique_name: str
    display_name: str
    cluster_tag: str
    owner_tag: str
    federation: str

    @classmethod
    def of(cls, request: ProvisionRequest) -> "Wanted":
        cluster = hashlib.sha256(request.owner.cluster.encode()).hexdigest()[:8]
        subject = str(request.subject)
        return cls(
            f"aegis-{cluster}-{hashlib.sha256(subject.encode()).hexdigest()[:24]}",
            subject[:_LONGEST_DISPLAY_NAME],
            f"aegis-cluster:{request.owner.cluster}",
            f"aegis-uid:{request.owner.uid}",
            f"k8s-{cluster}",
        )

    @property
    def path(self) -> str:
        return f"/applications(uniqueName='{self.unique_name}')"

    def body(self) -> dict[str, object]:
        return {
            "displayName": self.display_name,
            "signInAudience": "AzureADMyOrg",
            "api": {"requestedAccessTokenVersion": 2},
            "tags": ["aegis", self.cluster_tag, self.owner_tag],
        }

    def is_ours(self, application: Mapping[str, object]) -> bool:
        return {self.cluster_tag, self.owner_tag} <= _tags(application)


async def make_application(graph: Graph, request: ProvisionRequest, issuer: str) -> Provisioned:
    """Makes the application or mends it; `issuer` is that of the cluster. Raises ProviderError."""
    wanted = Wanted.of(request)
    there = await graph.get(wanted.path)
    application = await _created(graph, wanted) if there is None else there
    _require_ours(wanted, application)
    if not _is_as_wanted(wanted, application):
        await graph.update(wanted.path, wanted.body())
    object_id, client_id = _id(application, "id"), _id(application, "appId").lower()
    credential = {
        "issuer": issuer,
        "subject": str(request.subject),
        "audiences": [EXCHANGE_AUDIENCE],
        "description": "Made by Aegis.",
    }
    try:
        await graph.upsert(f"/servicePrincipals(appId='{client_id}')", {"tags": ["aegis"]})
        path = f"/applications/{object_id}/federatedIdentityCredentials(name='{wanted.federation}')"
        await graph.upsert(path, credential)
    except Refused as error:
        # Not every copy of the directory knows an application at once.
        if error.code == NOT_FOUND or (error.code == DENIED and there is None):
            message = f"the application {wanted.unique_name} is not known everywhere yet: {error}"
            raise Spreading(message, _SPREADING_SECONDS) from error
        raise
    return Provisioned({PRINCIPAL: client_id, "application": object_id, "uniqueName": wanted.unique_name})


async def remove_application(graph: Graph, request: ProvisionRequest) -> None:
    """Removes the application and what is on it, for good. Raises ProviderError."""
    wanted = Wanted.of(request)
    there = await graph.get(wanted.path)
    if there is not None:
        _require_ours(wanted, there)
        await graph.delete(f"/applications/{_id(there, 'id')}")
    try:
        await _purge(graph, wanted, wanted.owner_tag)
    except Refused as error:
        # A deleted application signs nobody in, and Entra ID forgets it after 30 days.
        if error.code != DENIED:
            raise


async def _created(graph: Graph, wanted: Wanted) -> Mapping[str, object]:
    try:
        made = await graph.upsert(wanted.path, wanted.body())
    except Refused as error:
        # Deleted applications keep their names: one that was of an earlier Identity stands in the way.
        if error.code != DENIED and await _purge(graph, wanted, wanted.cluster_tag):
            message = f"a deleted application {wanted.unique_name} was in the way and is removed now"
            raise Spreading(message, _SPREADING_SECONDS) from error
        raise
    there = made or await graph.get(wanted.path)
    if there is None:
        message = f"the application {wanted.unique_name} is not known everywhere yet"
        raise Spreading(message, _SPREADING_SECONDS)
    return there


async def _purge(graph: Graph, wanted: Wanted, tag: str) -> bool:
    """Removes for good the deleted applications of our name that bear `tag`; whether there were any."""
    query = quote(f"displayName eq '{wanted.display_name}'")
    found = await graph.get(f"/directory/deletedItems/microsoft.graph.application?$filter={query}")
    listed = found.get("value") if found else None
    ours = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("uniqueName") == wanted.unique_name and tag in _tags(one)
    ]
    for one in ours:
        await graph.delete(f"/directory/deletedItems/{_id(one, 'id')}")
    return bool(ours)


def _require_ours(wanted: Wanted, application: Mapping[str, object]) -> None:
    if not wanted.is_ours(application):
        raise ForeignObject(
            f"the application {wanted.unique_name} ({_id(application, 'appId')}) does not bear the tag "
            f"{wanted.owner_tag}: it is another's. Delete it in Entra ID if nobody needs it"
        )


def _is_as_wanted(wanted: Wanted, application: Mapping[str, object]) -> bool:
    body, api = wanted.body(), application.get("api")
    version = api.get("requestedAccessTokenVersion") if isinstance(api, dict) else None
    plain = all(application.get(name) == body[name] for name in ("displayName", "signInAudience"))
    return plain and version == 2


def _tags(application: Mapping[str, object]) -> set[str]:
    tags = application.get("tags")
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def _id(application: Mapping[str, object], name: str) -> str:
    try:
        return text_claim(application, name)
    except ClaimRefused:
        raise Unavailable(f"Microsoft Graph: the answer about an application holds no {name}") from None
