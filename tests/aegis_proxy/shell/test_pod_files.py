from pathlib import Path

import pytest

from aegis_api.names import Subject
from aegis_idp.errors import Misconfigured
from aegis_idp.values import SecretKey
from aegis_proxy.shell.pod_files import PodFiles, PodTokenRequest
from support.tokens import claims, mint


def request(folder: Path) -> PodTokenRequest:
    return PodTokenRequest(Subject("shop", "me"), "aegis", PodFiles(folder / "aegis", folder / "provider"))


@pytest.mark.attack("S04")
def test_files_are_read_afresh_at_each_call(tmp_path: Path) -> None:
    """The kubelet renews them."""
    for text in ("one", "two\n"):
        (tmp_path / "aegis").write_text(text)
        assert request(tmp_path).service_account_token().reveal() == text.strip()


def test_the_token_for_another_audience_lies_beside_the_main_one(tmp_path: Path) -> None:
    """By the name that the webhook gave it."""
    (tmp_path / "aegis").write_bytes(mint())
    (tmp_path / "https%3A%2F%2Fsts").write_text("other")
    assert request(tmp_path).service_account_token("https://sts").reveal() == "other"


def test_the_main_token_may_be_for_the_audience(tmp_path: Path) -> None:
    """Whatever its file is called."""
    files = PodFiles(tmp_path / "token", tmp_path)
    for audience in ("aegis", ["aegis", "b"]):
        token = mint(payload=claims(aud=audience))
        (tmp_path / "token").write_bytes(token)
        assert files.token("aegis").reveal() == token.decode()


@pytest.mark.parametrize("content", [mint(payload=claims(aud="other")), b"no token"])
def test_a_token_for_nobody_else_is_given_out(tmp_path: Path, content: bytes) -> None:
    """A token of another audience would be refused, or worse, accepted elsewhere."""
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"audience orders\.shop\.svc is mounted: create the pod anew"):
        PodFiles(tmp_path / "token", tmp_path).token("orders.shop.svc")


def test_a_secret_s_key_is_a_file(tmp_path: Path) -> None:
    """In a folder that is called like the Secret."""
    (tmp_path / "provider" / "login").mkdir(parents=True)
    (tmp_path / "provider" / "login" / "password").write_text("hunter2\n")
    assert request(tmp_path).secret(SecretKey("login", "password")).reveal() == "hunter2"


@pytest.mark.parametrize(("content", "said"), [(b"", "empty"), (b"x" * 70_000, "longer than"), (b"\xff", "ASCII")])
def test_k15_a_file_that_is_no_token_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    """Truncated, too long, or binary; what it holds is not shown."""
    (tmp_path / "aegis").write_bytes(content)
    with pytest.raises(Misconfigured, match=said):
        request(tmp_path).service_account_token()


def test_k15_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(Misconfigured, match=r"aegis: No such file or directory"):
        request(tmp_path).service_account_token()
    with pytest.raises(Misconfigured, match="--token-file"):
        PodFiles(None, tmp_path).token(None)
