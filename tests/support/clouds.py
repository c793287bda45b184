"""The clouds that only fakes stand for, in one shape: a provider's spec, two customers, and what they were shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from attrs import field, frozen

from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.http import Http
from aegis_idp_fakes.aws import Aws
from aegis_idp_fakes.entra import Entra
from aegis_idp_fakes.google import Google
from aegis_idp_fakes.server import FakeServer
from support.api_cluster import ApiCluster
from support.aws_account import tenancy_of
from support.cognito_pool import pool_of
from support.entra_tenant import tenant_of
from support.google_project import mesh_of

_TOKENS_IN_FORMS = ("client_assertion", "subject_token", "WebIdentityToken")


@frozen
class Cloud:
    """A fake cloud with two customers, who both trust the same cluster: `ours`, and `others`, whom we know nothing of.

    `way` is the cloud, or one of its ways to a token; `type` is its plugin. `issued` are the secrets that it gave away
    beside those that come back in requests. Where a cloud takes no free audience, `name_destinations` gives the
    settings by which Services have a name there.
    """

    way: str
    server: FakeServer
    ours: ProviderUnderTest
    others: ProviderUnderTest
    issued: Callable[[], list[str]] = field(default=list, repr=False)
    name_destinations: Callable[..., dict[str, object]] | None = field(default=None, repr=False)

    @property
    def type(self) -> str:
        return "aws" if self.way == "cognito" else self.way

    @property
    def config(self) -> dict[str, object]:
        return dict(self.ours.config)

    @property
    def spec(self) -> dict[str, object]:
        return {"type": self.type, "audience": self.ours.audience, "config": self.config}

    def secrets(self) -> list[str]:
        """All that was shown to it and must not show anywhere else."""
        found = self.issued()
        for request in self.server.requests:
            form = request.form() if b"=" in request.body else {}
            shown = [request.bearer(), request.headers.get("x-amz-security-token", "")]
            found += filter(None, [*shown, *(form.get(name, "") for name in _TOKENS_IN_FORMS)])
            if "x-amz-target" in request.headers:
                found += [login for login in request.json().get("Logins", {}).values() if login.startswith("eyJ")]
        return found


@contextmanager
def cloud(name: str, cluster: ApiCluster, issuers: Http) -> Iterator[Cloud]:
    """`aws`, `cognito`, `azure` or `gcp`, whose clients have to trust `server.ca_file`.

    `issuers` fetches what `cluster` says of its issuer.
    """
    match name:
        case "aws":
            with Aws(issuers) as aws:
                one, other = tenancy_of(cluster, aws), tenancy_of(cluster, aws)
                yield Cloud(name, aws, one.provider(), other.provider(), partial(_sessions, aws))
        case "cognito":
            with Aws(issuers) as aws:
                pool, strange = pool_of(cluster, aws), pool_of(cluster, aws)
                yield Cloud(name, aws, pool.provider(), strange.provider(provisioned=False), partial(_sessions, aws))
        case "azure":
            with Entra(issuers) as entra:
                tenant, stranger = tenant_of(cluster, entra), tenant_of(cluster, entra)

                def named(*services: str) -> dict[str, object]:
                    return {"destinations": tenant.destinations(*services)}

                yield Cloud(name, entra, tenant.provider(), stranger.provider(), name_destinations=named)
        case "gcp":
            with Google(issuers) as google:
                ours, others = mesh_of(cluster, google), mesh_of(cluster, google, "another-mesh")
                yield Cloud(name, google, ours.provider(), others.provider())
        case _:
            raise LookupError(name)


def _sessions(aws: Aws) -> list[str]:
    """The secrets of the temporary credentials that STS gave away."""
    return [part for one in aws.sessions.values() for part in (one.secret, one.token)]
