import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from aegis_proxy.settings import HostPort, SettingsError
from aegis_proxy.shell.kube_config import in_cluster, read_kubeconfig


def put(
    folder: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """A kubeconfig with one context; what is None is left out."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "other", "context": {}},
            {"name": "here", "context": {"cluster": "c", "namespace": "x", **({} if user is None else {"user": "u"})}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://api.test:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        **changes,
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_current_context_counts(tmp_path: Path) -> None:
    """Its cluster and its user."""
    config = read_kubeconfig(put(tmp_path, {"tls-server-name": "kubernetes"}, {"token": "abc"}))
    assert (config.url, config.server_name) == ("https://api.test:6443", "kubernetes")
    assert config.token is not None
    assert config.token() == b"abc"
    assert config.authority is None
    assert "abc" not in repr(config)


def test_a_user_may_be_left_out(tmp_path: Path) -> None:
    """A server on loopback may ask for nobody."""
    config = read_kubeconfig(put(tmp_path, {"server": "http://127.0.0.1:8001"}))
    assert (config.token, config.certificate) == (None, None)


def test_files_lie_beside_the_kubeconfig_and_are_read_when_asked(tmp_path: Path) -> None:
    """So that what is rotated is seen."""
    names = {"certificate-authority": "ca"}, {"tokenFile": "t", "client-certificate": "c", "client-key": "k"}
    config = read_kubeconfig(put(tmp_path, *names))
    for name in ("ca", "t", "c", "k"):
        (tmp_path / name).write_text(name)
    assert config.authority and config.token and config.certificate and config.key  # noqa: PT018  # narrows the types
    assert [read() for read in (config.authority, config.token, config.certificate, config.key)] == [
        b"ca",
        b"t",
        b"c",
        b"k",
    ]
    (tmp_path / "t").write_text("renewed")
    assert config.token() == b"renewed"


def test_data_comes_before_files(tmp_path: Path) -> None:
    """As in kubectl."""
    data = base64.b64encode(b"pem").decode()
    config = read_kubeconfig(put(tmp_path, {"certificate-authority-data": data, "certificate-authority": "no"}))
    assert config.authority is not None
    assert config.authority() == b"pem"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"current-context": None}, "no current-context"),
        ({"current-context": "gone"}, "no entry gone"),
        ({"clusters": []}, "no entry c"),
        ({"clusters": None}, "no entry c"),
        ({"contexts": 7}, "contexts: got 7"),
        ({"cluster": {"server": "https://user@api"}}, "server: got"),
        ({"cluster": {"server": "http://api.test"}}, "server: got"),
        ({"cluster": {"insecure-skip-tls-verify": True}}, "a server that nobody vouches for"),
        ({"cluster": {"certificate-authority-data": "%"}}, "not base64"),
        ({"user": {"exec": {"command": "aws"}}}, "user.exec: got an object, wanted a token"),
        ({"user": {"username": "a"}}, "wanted a token"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """With the path of the file and the place in it."""
    path = put(tmp_path, **{"user": {}, **changes})
    with pytest.raises(SettingsError) as caught:
        read_kubeconfig(path)
    assert str(caught.value).startswith(f"--kubeconfig: {path}")
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"a: [", b"\xff", b"a: 2030-99-99"])
def test_what_is_no_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    """And a file that is not there."""
    path = tmp_path / "config"
    with pytest.raises(SettingsError, match="cannot be read"):
        read_kubeconfig(path)
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_kubeconfig(path)


def test_a_server_s_certificates_may_be_switched_on_in_words(tmp_path: Path) -> None:
    """insecure-skip-tls-verify: false is the default."""
    assert read_kubeconfig(put(tmp_path, {"insecure-skip-tls-verify": False})).url == "https://api.test:6443"


def test_every_pod_is_told_how_to_reach_its_api_server(tmp_path: Path) -> None:
    """Address by the environment, credentials by files."""
    config = in_cluster(HostPort("fd00::1", 443), tmp_path)
    assert config.url == "https://[fd00::1]:443"
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text("ca")
    assert config.token and config.authority  # noqa: PT018  # narrows the types
    assert (config.token(), config.authority()) == (b"t", b"ca")
