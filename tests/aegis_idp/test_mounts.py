import pytest

from aegis_idp.mounts import secret_file, token_file
from aegis_idp.values import SecretKey


@pytest.mark.parametrize("audience", ["aegis", "orders.shop.svc", "a"])
def test_a_plain_audience_is_its_own_file(audience: str) -> None:
    """People find the token of an audience by its name."""
    assert token_file(audience) == f"tokens/{audience}"


@pytest.mark.parametrize("audience", ["https://idp/x", "../../etc/passwd", "a..b", ".x", "", "x" * 101, "a\0b", "a/b"])
def test_any_other_audience_is_a_digest(audience: str) -> None:
    """No audience leads out of the folder, and no two lead to one file."""
    name = token_file(audience).removeprefix("tokens/")
    assert len(name) == 7 + 64
    assert name.startswith("sha256-")
    assert name != token_file(audience + "x").removeprefix("tokens/")


def test_a_secret_is_a_folder_with_its_keys() -> None:
    """As Kubernetes mounts Secrets."""
    assert secret_file(SecretKey("vault-login", "password")) == "secrets/vault-login/password"
