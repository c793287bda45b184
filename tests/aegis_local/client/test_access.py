"""Kubeconfigs."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from aegis_local.client.access import read_kubeconfig, render_kubeconfig
from aegis_local.client.errors import BadKubeconfig


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def config(user: Any = None, cluster: Any = None, **changes: Any) -> Any:
    return {
        "clusters": [{"name": "c", "cluster": cluster or {"server": "https://a:1/"}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "other", "context": {}}, {"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        **changes,
    }


def written(folder: Path, document: Any) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_current_context_counts(tmp_path: Path) -> None:
    """Data may stand in the file, or in files beside it."""
    (tmp_path / "ca.crt").write_bytes(b"CA")
    cluster = {"server": "https://a:1/", "certificate-authority": "ca.crt"}
    user = {"client-certificate-data": encoded(b"cert"), "client-key-data": encoded(b"key")}
    access = read_kubeconfig(written(tmp_path, config(user, cluster)))
    assert (access.server, access.ca, access.certificate) == ("https://a:1", b"CA", (b"cert", b"key"))
    assert access.token is None
    assert "cert" not in repr(access).replace("certificate", "")


def test_a_token_is_read_for_each_request(tmp_path: Path) -> None:
    """From its file, so that a renewed one counts; one in the kubeconfig stays."""
    access = read_kubeconfig(written(tmp_path, config({"tokenFile": "token"})))
    assert access.token is not None
    (tmp_path / "token").write_text("one\n")
    assert access.token() == "one"
    (tmp_path / "token").write_text("two")
    assert access.token() == "two"
    fixed = read_kubeconfig(written(tmp_path, config({"token": "t"}))).token
    assert fixed is not None
    assert fixed() == "t"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"current-context": None}, "no current-context"),
        ({"current-context": "y"}, "no entry 'y' among its contexts"),
        ({"clusters": []}, "no entry 'c' among its clusters"),
        ({"users": None}, "no entry 'u' among its users"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "no server"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A kubeconfig that leads nowhere says where it stops."""
    with pytest.raises(BadKubeconfig, match=message):
        read_kubeconfig(written(tmp_path, {**config(), **changes}))


def test_what_is_rendered_is_read_again(tmp_path: Path) -> None:
    """By this package, and by kubectl alike."""
    (tmp_path / "ca.crt").write_bytes(b"CA")
    path = tmp_path / "kubeconfig"
    path.write_text(render_kubeconfig("https://a:1", tmp_path / "ca.crt", {"token": "t"}, namespace="n"))
    access = read_kubeconfig(path)
    assert (access.server, access.ca) == ("https://a:1", b"CA")
    assert yaml.safe_load(path.read_text())["contexts"][0]["context"]["namespace"] == "n"
