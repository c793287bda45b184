"""A tenant of the fake Entra ID that trusts the tokens of a cluster, for tests of the plugin `azure`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve, field

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp_azure import PLUGIN
from aegis_idp_azure.tokens import EXCHANGE_AUDIENCE
from aegis_idp_fakes.entra import Application, Directory, Entra, Federation
from support.api_cluster import ApiCluster


@define
class Tenant:
    """A mesh at Entra ID: the resource that its tokens are for, and the application of the reconcile function."""

    cluster: Cluster | ApiCluster
    entra: Entra
    directory: Directory
    resource: Application
    provisioner: Application
    plugin: Any = field(default=PLUGIN)

    def federate(self, application: Application, subject: Subject) -> Application:
        """Lets the tokens of a ServiceAccount stand for an application."""
        record = Federation("k8s", self.cluster.issuer, str(subject), EXCHANGE_AUDIENCE)
        application.federations[record.name] = record
        return application

    def destinations(self, *services: str) -> Mapping[str, str]:
        """Applications that stand for Services, as an administrator makes them."""
        return {service: self.directory.register().app_id for service in services}

    def config(self, **changes: object) -> Mapping[str, object]:
        address = {"authority": self.entra.url, "graph": self.entra.url}
        made = {"tenantId": self.directory.tenant, "provisionAs": self.provisioner.app_id, **address, **changes}
        return {name: value for name, value in made.items() if value is not None}

    def provider(self, audience: str = "", **changes: object) -> ProviderUnderTest:
        return ProviderUnderTest(
            self.plugin,
            self.config(**changes),
            self.cluster,
            http=evolve(self.cluster.http(), ca_file=str(self.entra.ca_file)),
            audience=audience or self.resource.app_id,
            objects=self.directory.state,
            rotate=lambda overlap: self.entra.keys.rotate(overlap=overlap),
            spoil=self.spoil if self.config(**changes).get("provisionAs") else None,
        )

    def spoil(self, subject: Subject) -> None:
        """An administrator's slip: another audience of tokens, no service principal, another subject."""
        made = next(one for one in self.directory.applications.values() if one.unique_name)
        made.properties["api"] = {"requestedAccessTokenVersion": None}
        made.principal_id = None
        made.federations = {name: evolve(one, subject="somebody") for name, one in made.federations.items()}


@contextmanager
def entra_tenant() -> Iterator[Tenant]:
    """Its clients have to trust `entra.ca_file`."""
    with Cluster(public=True, algorithm="RS256") as cluster, Entra() as entra:
        yield tenant_of(cluster, entra)


def tenant_of(cluster: Cluster | ApiCluster, entra: Entra) -> Tenant:
    """A new tenant, whose application for the reconcile function trusts its tokens of `cluster`."""
    directory = entra.tenant()
    resource = directory.register(uris=("api://mesh",))
    made = Tenant(cluster, entra, directory, resource, entra.provisioner(directory))
    made.federate(made.provisioner, HOST)
    return made
