"""Where a sidecar finds what its plugin needs."""

import re

import pytest

from aegis_idp.mounts import secret_file, token_file
from aegis_idp.values import SecretKey


@pytest.mark.parametrize("audience", ["aegis", "orders.shop.svc", "a_b-c~"])
def test_a_plain_audience_is_its_own_file(audience: str) -> None:
    """People find the token of an audience by its name."""
    assert token_file(audience) == audience


@pytest.mark.parametrize("audience", ["https://idp/x", "../../etc/passwd", "a\0b", "/", "a b", "a%2Fb"])
def test_any_other_audience_is_escaped(audience: str) -> None:
    """No audience leads out of its folder, and no two lead to one file."""
    name = token_file(audience)
    assert "/" not in name
    assert "\0" not in name
    assert name != audience


@pytest.mark.parametrize("audience", [".", "..", "..x", "x" * 256, "/" * 100])
def test_an_audience_that_is_no_file_name_is_hashed(audience: str) -> None:
    """A folder of that name, or a name that no file system takes, has a digest in its place."""
    assert re.fullmatch(r"sha256-[0-9a-f]{64}", token_file(audience))
    assert token_file(audience) != token_file(f"{audience}x")


def test_a_secret_is_a_folder_with_its_keys() -> None:
    """As Kubernetes mounts Secrets."""
    assert secret_file(SecretKey("vault-login", "password")) == "vault-login/password"
