"""What a sidecar says where its plugin gets no token: in its log, in /snapshot, and as the reason of a 503."""

import re
from collections.abc import Iterator

import pytest
from attrs import evolve

from aegis_idp.blocking import run
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.errors import Misconfigured, ProviderError, Refused, Spreading, Throttled, Unavailable
from aegis_idp_oidc import PLUGIN as OIDC
from aegis_idp_vault import PLUGIN as VAULT
from support.aws_account import Tenancy, aws_account
from support.entra_tenant import Tenant, entra_tenant
from support.fake_http import answer
from support.google_project import Mesh, google_project
from support.keycloak_server import KeycloakServer
from support.provisioning_mesh import ORDERS, Instead
from support.vault_in_memory import VaultInMemory


def why(provider: ProviderUnderTest, kind: type[ProviderError], words: str) -> None:
    """One line of a bounded length, without a token, and without the shape of somebody's answer."""
    with pytest.raises(ProviderError) as caught:
        run(
            provider.plugin.acquire(
                provider.settings, provider.mounts(ORDERS).request(provider.audience), provider.http
            )
        )
    said = str(caught.value)
    assert type(caught.value) is kind, said
    assert re.search(words, said), said
    assert len(said) <= 800
    assert said.isprintable()
    for sign in ("{", "}", "eyJ", "Trace ID", "***"):
        assert sign not in said, said


class TestVault:
    @pytest.fixture
    def provider(self) -> Iterator[ProviderUnderTest]:
        with Cluster(public=True) as cluster, VaultInMemory(cluster, HOST) as vault:
            yield ProviderUnderTest(VAULT, {"address": vault.url}, cluster)

    def test_what_vault_says(self, provider: ProviderUnderTest, nobody: str) -> None:
        """Nothing made yet, a role or auth method that is missing, a limit, a right that is missing, nobody there."""
        why(
            provider,
            Refused,
            f"identity token of {ORDERS} for aegis .*not provisioned there .yet.: look at the conditions",
        )
        config = {**provider.config, "role": "nonesuch"}
        why(evolve(provider, config=config), Refused, "make the role nonesuch at auth/jwt, or correct config.role")
        config = {**provider.config, "mount": "k8s"}
        why(evolve(provider, config=config), Refused, "enable a JWT auth method at auth/k8s, or correct config.mount")
        limit = answer({"errors": ["rate limit quota exceeded"]}, 429)
        throttled = evolve(provider, http=Instead(provider.http, "POST", "/login", limit))
        why(throttled, Throttled, "429: .*raise it, or ask less")
        denied = answer({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, 403)
        refused = evolve(provider, http=Instead(provider.http, "GET", "/oidc/token/", denied))
        why(
            refused, Refused, "a policy of the role aegis at auth/jwt must allow read on identity/oidc/token/aegis.jwt."
        )
        away = evolve(provider, config={"address": f"http://{nobody}"})
        why(away, Unavailable, f"^http://{nobody}/v1/auth/jwt/login: no answer: nobody listens there")


def test_what_keycloak_says() -> None:
    """Which client has to take which token."""
    with Cluster(public=True) as cluster, KeycloakServer(cluster, manager=str(HOST)) as server:
        config = {
            "issuer": server.issuer,
            "grant": "client_assertion",
            "keycloak": {},
            "audienceParameter": "none",
            "subjectClaim": "azp",
            "subjectTemplate": "aegis.test.{namespace}.{name}",
        }
        provider = ProviderUnderTest(OIDC, config, cluster)
        why(
            provider,
            Refused,
            f"invalid_client .*the ServiceAccount token of {ORDERS} with the audience {server.issuer}",
        )


class TestAzure:
    @pytest.fixture
    def tenant(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
        with entra_tenant() as tenant:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tenant.entra.ca_file))
            yield tenant

    def test_what_entra_id_says(self, tenant: Tenant) -> None:
        """Nothing made yet, and an application whose credential somebody changed."""
        provider = tenant.provider()
        why(provider, Misconfigured, f"no application of {ORDERS} is known: .* not provisioned yet .see its conditions")
        provider.make_known(ORDERS)
        tenant.spoil(ORDERS)
        why(provider, Spreading, r"AADSTS\d+: .*if this lasts longer than ten minutes after a change: ")


class TestGoogle:
    @pytest.fixture
    def google(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
        with google_project() as google:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(google.google.ca_file))
            yield google

    def test_what_google_says(self, google: Mesh) -> None:
        """Nothing made yet, a binding that somebody changed, and a pool that does not take the token."""
        provider = google.provider()
        why(
            provider,
            Misconfigured,
            f"no service account of {ORDERS} is known: .* not provisioned yet .see its conditions",
        )
        provider.make_known(ORDERS)
        google.spoil(ORDERS)
        why(provider, Spreading, f"{ORDERS} needs roles/iam.workloadIdentityUser on aegis-.*@")
        pool = google.project.pool_provider.replace("/workloadIdentityPools/", "/workloadIdentityPools/no-")
        named = {"shop/orders": next(iter(google.project.accounts))}
        elsewhere = evolve(provider, config=google.config(poolProvider=pool, serviceAccounts=named))
        why(elsewhere, Refused, f"does {pool} have the cluster's issuer and keys, .*keeps {ORDERS} out")


class TestAws:
    @pytest.fixture
    def tenancy(self) -> Iterator[Tenancy]:
        with aws_account() as tenancy:
            yield tenancy

    def test_what_aws_says(self, tenancy: Tenancy) -> None:
        """Nothing made yet, a role that somebody changed, and an account that does not know the cluster."""
        provider = tenancy.provider()
        why(provider, Misconfigured, f"no role of {ORDERS} is known: .* not provisioned yet .see its conditions")
        provider.make_known(ORDERS)
        tenancy.spoil(ORDERS)
        why(provider, Spreading, f"the trust policy of {tenancy.made().arn} must take tokens of this ServiceAccount")
        tenancy.account.providers.clear()
        why(
            provider, Refused, "InvalidIdentityToken .*the account needs an IAM OIDC provider with the cluster's issuer"
        )
