"""The Security Token Service, asked by the real google-auth and refusing what it refuses."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from google.auth import identity_pool
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from requests import Session

from aegis_api.names import Subject
from aegis_idp.conformance.signing import SigningKey
from aegis_idp_fakes.google.exchange import Exchange
from aegis_idp_fakes.server import Refusal
from support.google_project import Mesh, google_project

ORDERS = Subject("shop", "orders")
KIND = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    with google_project() as mesh:
        yield mesh


def audience(mesh: Mesh) -> str:
    return f"https://iam.googleapis.com/{mesh.project.pool_provider}"


def form(mesh: Mesh, token: str, **changes: str) -> Mapping[str, str]:
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{mesh.project.pool_provider}",
        "scope": "https://www.googleapis.com/auth/iam",
        "requested_token_type": KIND + "access_token",
        "subject_token_type": KIND + "jwt",
        "subject_token": token,
        **changes,
    }


def sdk(mesh: Mesh, token: str, folder: Path) -> str:
    """What the SDK gets with a projected token, as a pod uses it: unpatched, by its public settings."""
    file = folder / "token"
    file.write_text(token)
    credentials = identity_pool.Credentials(
        audience=f"//iam.googleapis.com/{mesh.project.pool_provider}",
        subject_token_type=KIND + "jwt",
        token_url=f"{mesh.google.url}/v1/token",
        credential_source={"file": str(file)},
        scopes=["https://www.googleapis.com/auth/cloud-platform"],
    )
    with Session() as session:
        # Else an environment with a certificate file of its own would decide.
        session.trust_env, session.verify = False, str(mesh.google.ca_file)
        credentials.refresh(Request(session))
    return str(credentials.token)


def test_the_sdk_gets_a_token(mesh: Mesh, tmp_path: Path) -> None:
    """Opaque, and it stands for the subject of the pool."""
    token = sdk(mesh, mesh.cluster.token(ORDERS, audience(mesh)).reveal(), tmp_path)
    assert mesh.google._exchange.members[token] == (mesh.project, mesh.project.member(str(ORDERS)))


def test_the_sdk_knows_a_refusal(mesh: Mesh, tmp_path: Path) -> None:
    """As an exception of its own."""
    with pytest.raises(GoogleAuthError, match="invalid_grant"):
        sdk(mesh, mesh.cluster.token(ORDERS, "another").reveal(), tmp_path)


def refused(mesh: Mesh, asked: Mapping[str, str]) -> str:
    with pytest.raises(Refusal) as caught:
        Exchange({mesh.project.id: mesh.project}).answer(asked)
    return caught.value.answer.body.decode()


def test_bad_tokens_are_refused(mesh: Mesh) -> None:
    """Signature, issuer, audience, times and length."""
    cluster, key = mesh.cluster, mesh.cluster.keys.current
    claims = cluster.claims(ORDERS, audience(mesh))
    for token, said in (
        ("no.jwt.x", "no signed JWT"),
        (SigningKey.make().sign(claims, kid=key.kid), "no key of its issuer"),
        (key.sign({**claims, "iss": "https://another"}), "issuer in ID Token"),
        (cluster.token(ORDERS, "another").reveal(), "audience in ID Token"),
        (cluster.token(ORDERS, audience(mesh), seconds=-60).reveal(), "not valid now"),
        (cluster.token(Subject("n" * 63, "a" * 99), audience(mesh)).reveal(), "127 bytes"),
    ):
        assert said in refused(mesh, form(mesh, token))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"requested_token_type": "x"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"audience": "//iam.googleapis.com/another"}, "invalid_target"),
    ],
)
def test_bad_requests_are_refused(mesh: Mesh, change: dict[str, str], error: str) -> None:
    """With the codes of RFC 6749 and 8693."""
    good = mesh.cluster.token(ORDERS, audience(mesh)).reveal()
    assert error in refused(mesh, form(mesh, good, **change))
