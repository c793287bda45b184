"""The settings of Vault."""

from typing import Any

import pytest

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings
from aegis_idp_vault.settings import VaultSettings


def _read(**config: Any) -> VaultSettings:
    return read_settings(VaultSettings, Node({"address": "https://vault.example", **config}, "spec.config"))


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://vault.example", "https://vault.example"),
        ("https://vault.example:8200/", "https://vault.example:8200"),
        ("https://vault.example/behind/a/path/", "https://vault.example/behind/a/path"),
        ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
        ("http://vault.vault.svc:8200", "http://vault.vault.svc:8200"),
        ("http://vault.vault:8200", "http://vault.vault.svc:8200"),
    ],
)
def test_good_addresses(address: str, base: str) -> None:
    """TLS anywhere, and plain HTTP on loopback and within the cluster, where two labels are a Service."""
    settings = _read(address=address)
    assert settings.base == base
    assert settings.oidc_base == f"{base}/v1/identity/oidc"


@pytest.mark.parametrize(
    "address", ["http://vault", "http://192.0.2.1:8200", "http://vault.corp.example", "vault.vault:8200", "https://u@v"]
)
def test_bad_addresses(address: str) -> None:
    """Plain HTTP that may leave the cluster is refused, and what would do is said."""
    with pytest.raises(ParseError, match=r"spec\.config\.address: .*\.svc"):
        _read(address=address)


def test_a_namespace_is_a_part_of_the_issuers_place() -> None:
    """As Vault's own addresses have it."""
    assert _read(namespace="teams/shop").oidc_base == "https://vault.example/v1/teams/shop/identity/oidc"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("namespace", "/teams"),
        ("namespace", "teams/"),
        ("namespace", "../root"),
        ("mount", "jwt/"),
        ("mount", "a//b"),
        ("mount", "jwt?x"),
        ("role", "a/b"),
        ("provisionRole", ""),
        ("loginAudience", "a b"),
        ("accessor", "auth/jwt"),
        ("key", "a/b"),
        ("tokenSeconds", 59),
    ],
)
def test_what_would_lead_a_path_astray_is_refused(name: str, value: object) -> None:
    """Settings become parts of paths."""
    with pytest.raises(ParseError) as refusal:
        _read(**{name: value})
    assert refusal.value.path == f"spec.config.{name}"
