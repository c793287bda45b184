"""The token endpoint, asked by the real azure-identity and refusing what Entra ID refuses."""

from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from attrs import evolve
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import WorkloadIdentityCredential

from aegis_api.names import Subject
from aegis_idp.conformance.signing import SigningKey
from aegis_idp_fakes.entra import Application
from support.entra_tenant import Tenant, entra_tenant

ORDERS, AUDIENCE = Subject("shop", "orders"), "api://AzureADTokenExchange"


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with entra_tenant() as tenant:
        yield tenant


@pytest.fixture
def client(tenant: Tenant) -> Application:
    return tenant.federate(tenant.directory.register(), ORDERS)


def sdk(tenant: Tenant, client_id: str, token: str, folder: Path, scope: str = "") -> str:
    """What the SDK gets with a projected token, as a pod uses it: unpatched, by its public settings."""
    file = folder / "token"
    file.write_text(token)
    with WorkloadIdentityCredential(
        tenant_id=tenant.directory.tenant,
        client_id=client_id,
        token_file_path=str(file),
        authority=tenant.entra.url,
        disable_instance_discovery=True,
        connection_verify=str(tenant.entra.ca_file),
        retry_total=0,
    ) as credential:
        return credential.get_token(scope or f"{tenant.resource.app_id}/.default").token


def good(tenant: Tenant) -> str:
    return tenant.cluster.token(ORDERS, AUDIENCE).reveal()


def test_the_sdk_gets_a_token(tenant: Tenant, client: Application, tmp_path: Path) -> None:
    """Of version 2.0, with the claims that Entra ID puts in and none that it does not; its key is published."""
    token = sdk(tenant, client.app_id, good(tenant), tmp_path)
    (key,) = jwt.PyJWKSet.from_dict(tenant.entra.keys.key_set()).keys
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience=tenant.resource.app_id)
    assert claims["iss"] == f"{tenant.entra.url}/{tenant.directory.tenant}/v2.0"
    assert (claims["azp"], claims["tid"], claims["ver"]) == (client.app_id, tenant.directory.tenant, "2.0")
    assert claims["sub"] == claims["oid"] == client.principal_id
    assert claims["idtyp"] == "app"
    assert "roles" not in claims


def test_the_resource_decides_the_version(tenant: Tenant, client: Application, tmp_path: Path) -> None:
    """Version 1.0: another issuer, another claim for the caller, and the audience as it was asked for."""
    tenant.resource.token_version, tenant.resource.idtyp = 1, False
    token = sdk(tenant, client.app_id, good(tenant), tmp_path, "api://mesh/.default")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == f"https://sts.windows.net/{tenant.directory.tenant}/"
    assert (claims["aud"], claims["appid"], claims["ver"]) == ("api://mesh", client.app_id, "1.0")
    assert not {"azp", "idtyp"} & set(claims)


def refused(tenant: Tenant, client_id: str, token: str, folder: Path, scope: str = "") -> str:
    with pytest.raises(ClientAuthenticationError) as caught:
        sdk(tenant, client_id, token, folder, scope)
    return str(caught.value).partition("AADSTS")[2].partition(":")[0]


def test_bad_tokens_are_refused_as_by_entra(tenant: Tenant, client: Application, tmp_path: Path) -> None:
    """Signature, issuer, audience, subject, times and algorithm, each with its number."""
    cluster, key = tenant.cluster, tenant.cluster.keys.current
    claims = cluster.claims(ORDERS, AUDIENCE)
    bad = {
        "50027": "no.jwt.at-all",
        "50013": SigningKey.make("RS256").sign(claims, kid=key.kid),
        "700211": key.sign({**claims, "iss": "https://another-cluster"}),
        "700212": cluster.token(ORDERS, "aegis").reveal(),
        "700213": cluster.token(Subject("bank", "orders"), AUDIENCE).reveal(),
        "700024": cluster.token(ORDERS, AUDIENCE, seconds=-60).reveal(),
        "5002738": SigningKey.make("ES256").sign(claims, kid=key.kid),
    }
    assert {number: refused(tenant, client.app_id, token, tmp_path) for number, token in bad.items()} == {
        number: number for number in bad
    }
    two = key.sign({**claims, "aud": [AUDIENCE, "another"]})
    assert refused(tenant, client.app_id, two, tmp_path) == "700212"


def test_bad_requests_are_refused_as_by_entra(tenant: Tenant, client: Application, tmp_path: Path) -> None:
    """Unknown applications and resources, a scope of another form, a service principal or a role that is missing."""
    token, app_id = good(tenant), client.app_id
    assert refused(tenant, tenant.directory.tenant, token, tmp_path) == "700016"
    assert refused(tenant, app_id, token, tmp_path, "https://nowhere/.default") == "500011"
    assert refused(tenant, app_id, token, tmp_path, "User.Read") == "1002012"
    tenant.resource.assignment_required = True
    assert refused(tenant, app_id, token, tmp_path) == "501051"
    client.principal_id = None
    assert refused(tenant, app_id, token, tmp_path) == "7000229"
    assert (
        refused(evolve(tenant, directory=evolve(tenant.directory, tenant="nobody-s")), app_id, token, tmp_path)
        == "90002"
    )


def test_a_cluster_that_cannot_be_reached_is_refused(tenant: Tenant, client: Application, tmp_path: Path) -> None:
    """Entra ID fetches the keys itself."""
    record = next(iter(client.federations.values()))
    client.federations["k8s"] = evolve(record, issuer="http://127.0.0.1:1")
    claims = {**tenant.cluster.claims(ORDERS, AUDIENCE), "iss": "http://127.0.0.1:1"}
    assert refused(tenant, client.app_id, tenant.cluster.keys.current.sign(claims), tmp_path) == "50166"


def test_a_new_credential_is_not_known_at_once(tenant: Tenant, client: Application, tmp_path: Path) -> None:
    """And then it is."""
    tenant.entra.propagation.delay = 1
    record = next(iter(client.federations.values()))
    client.federations["k8s"] = evolve(record, born=tenant.entra.propagation.birth())
    assert refused(tenant, client.app_id, good(tenant), tmp_path) == "700211"
    assert sdk(tenant, client.app_id, good(tenant), tmp_path)


@pytest.mark.parametrize("trouble", ["throttle", "fail", "hang_up"])
def test_the_sdk_knows_throttling_and_trouble(
    tenant: Tenant, client: Application, tmp_path: Path, trouble: str
) -> None:
    """As exceptions of its own, and then all is well again."""
    getattr(tenant.entra.faults, trouble)()
    with pytest.raises(AzureError):
        sdk(tenant, client.app_id, good(tenant), tmp_path)
    assert tenant.entra.faults.left == 0
    assert sdk(tenant, client.app_id, good(tenant), tmp_path)
