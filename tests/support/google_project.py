"""A project of the fake Google Cloud that trusts the tokens of a cluster, for tests of the plugin `gcp`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp_fakes.google import Google, Project
from aegis_idp_fakes.google.project import ALL_PERMISSIONS
from aegis_idp_gcp import PLUGIN
from support.api_cluster import ApiCluster


@define
class Mesh:
    """A mesh at Google Cloud, whose reconcile function may do what docs/providers/gcp.md gives it."""

    cluster: Cluster | ApiCluster
    google: Google
    project: Project

    def config(self, **changes: Any) -> Mapping[str, object]:
        url = self.google.url
        addresses = {"sts": url, "iamCredentials": url, "iam": url, "keySet": f"{url}/oauth2/v3/certs"}
        pool = {"project": self.project.id, "poolProvider": self.project.pool_provider}
        return {**pool, **addresses, "provision": True, **changes}

    def provider(self, **changes: Any) -> ProviderUnderTest:
        config = self.config(**changes)
        return ProviderUnderTest(
            PLUGIN,
            config,
            self.cluster,
            http=evolve(self.cluster.http(), ca_file=str(self.google.ca_file)),
            objects=self.project.state,
            rotate=lambda overlap: self.google.keys.rotate(overlap=overlap),
            spoil=self.spoil if config["provision"] else None,
            refusal_code="invalid_client",
        )

    def spoil(self, subject: Subject) -> None:
        """An administrator's slip: another name, and somebody else who may stand for the account."""
        (account,) = self.project.accounts.values()
        account.properties["displayName"] = "somebody"
        account.bindings = [{**one, "members": [self.project.member("somebody")]} for one in account.bindings]


@contextmanager
def google_project() -> Iterator[Mesh]:
    """Its clients have to trust `google.ca_file`."""
    with Cluster(public=True) as cluster, Google() as google:
        yield mesh_of(cluster, google)


def mesh_of(cluster: Cluster | ApiCluster, google: Google, name: str = "aegis-mesh") -> Mesh:
    """A new project, whose pool trusts the tokens of `cluster`."""
    project = google.project(name, cluster.issuer)
    project.permissions[project.member(str(HOST))] = ALL_PERMISSIONS
    return Mesh(cluster, google, project)
