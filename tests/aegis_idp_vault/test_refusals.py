"""What to do about an error. tests/integration brings each about on a real Vault."""

import pytest
from attrs import evolve

from aegis_idp_vault.refusals import Asked, explained
from aegis_idp_vault.settings import VaultSettings

SETTINGS = VaultSettings("https://vault.example", mount="k8s", role="pods", key="mesh")

ASKED = Asked(SETTINGS, "pods", "system:serviceaccount:shop:orders")


@pytest.mark.parametrize(
    ("status", "said", "hint"),
    [
        (503, "Vault is sealed", "unseal it"),
        (400, 'role "pods" could not be found', "make the role pods at auth/k8s"),
        (
            400,
            "error validating token: invalid audience (aud) claim: audience claim does not match any bound audience",
            "bound_audiences: vault in that of pods (pods), https://vault.example in that of the reconcile function",
        ),
        (400, 'role "aegis.k8s.x" not found', "look at the conditions of its Identity"),
        (400, 'cannot find key "mesh"', "make the key mesh"),
        (400, 'key "mesh" not found', "make the key mesh"),
        (
            400,
            'the key "mesh" does not list the client ID of the role "x" as an allowed client ID',
            "where * allows all",
        ),
        (
            400,
            "error validating token: invalid subject (sub) claim",
            "set bound_subject of the role pods at auth/k8s to system:serviceaccount:shop:orders",
        ),
        (403, "permission denied", "enable a JWT auth method at auth/k8s, or correct config.mount"),
        (429, "", "rate limit quota"),
        (500, "", "look at its log"),
        (400, "something new", "compare the settings with those at auth/k8s"),
    ],
)
def test_each_has_its_way_out(status: int, said: str, hint: str) -> None:
    """By what Vault says, else by the status."""
    assert hint in explained(ASKED, status, said)


def test_a_refused_request_names_the_right_that_is_missing() -> None:
    """Of which role, and where; a login takes none, and is refused where there is no auth method."""
    asked = evolve(ASKED, right="read on sys/auth")
    assert "a policy of the role pods at auth/k8s must allow read on sys/auth" in explained(
        asked, 403, "permission denied"
    )
    spaced = evolve(ASKED, settings=evolve(SETTINGS, namespace="teams/shop"))
    assert "at auth/k8s in the namespace teams/shop" in explained(spaced, 403, "permission denied")
