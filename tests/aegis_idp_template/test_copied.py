"""docs/writing-a-plugin.md, followed to the letter: its commands are extracted and run, and what they make is used."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from aegis_api.names import Subject
from aegis_idp.conformance import Cluster
from support.proxy_process import ProxyProcess, policy, resource, rule
from support.raw_client import Answer, RawClient
from support.recording_origin import RecordingOrigin

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "writing-a-plugin.md"

pytestmark = pytest.mark.timeout(300)


@frozen
class Followed:
    """What the commands of the page said, and the home folder that they left behind."""

    said: str
    home: Path


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """The page's commands, run in a home folder with the checkout in ~/aegis."""
    home = tmp_path_factory.mktemp("home")
    (home / "aegis").symlink_to(ROOT)
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=home,
        env={**environment, "HOME": str(home), "UV_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Followed(done.stdout, home)


def test_the_page_leads_to_a_working_plugin(followed: Followed) -> None:
    """Copied, renamed and installed by the page's own commands, the template passes its tests and is found by name."""
    assert re.search(r"^[0-9]+ passed", followed.said, re.MULTILINE)
    assert "('acme',)" in followed.said
    assert "AcmePlugin" in followed.said


def test_nothing_of_the_template_is_left(followed: Followed) -> None:
    """The renamed copy names the template nowhere, in file names and in files."""
    copied = followed.home / "aegis-idp-acme"
    sources = [*(copied / "tests").glob("*.py"), *(copied / "src").rglob("*.py")]
    assert {"test_conformance.py", "plugin.py"} <= {file.name for file in sources}
    files = [copied / "pyproject.toml", copied / "README.md", *sources]
    for file in files:
        assert "template" not in str(file.relative_to(copied)).lower()
        assert "template" not in file.read_text().lower()


@pytest.fixture(scope="module")
def python(followed: Followed) -> str:
    """The interpreter of the page's environment, with the proxy beside the copied plugin."""
    environment = followed.home / "aegis-idp-acme" / ".venv"
    parts = [
        ROOT / part
        for part in (
            "crds",
            "idp_plugins/spi",
            "idp_plugins/kubernetes",
            "idp_plugins/oidc",
            "idp_plugins/vault",
            "proxy",
        )
    ]
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", environment, *parts], check=True)
    return str(environment / "bin" / "python")


def test_the_copied_plugin_works_in_a_mesh(followed: Followed, python: str, tmp_path: Path) -> None:
    """A caller's proxy gets a token by the copied plugin, and the callee's proxy judges it by the same."""
    caller = Subject("shop", "identity01")
    with Cluster(public=True) as cluster, _token_service(followed)(cluster) as service, RecordingOrigin() as origin:
        service.accounts["identity01"] = {"subject": str(caller), "owner": "test"}
        provider = resource("IdentityProvider", "corp", type="acme", audience="aegis", config={"address": service.url})
        allowed = rule("get", ["GET"], "/orders", identities=["identity01"])
        callee_folder, caller_folder = tmp_path / "callee", tmp_path / "caller"
        callee_folder.mkdir()
        caller_folder.mkdir()
        (caller_folder / "token").write_text(cluster.token(caller, service.url).reveal())
        upstream = f"--ingress-upstream=127.0.0.1:{origin.port}"
        with ProxyProcess(
            callee_folder, [provider, policy(allowed)], "--provider=corp", "--policy=orders", upstream, python=python
        ) as callee:
            hosts = caller_folder / "hosts"
            hosts.write_text(f"orders.shop.svc:80 127.0.0.1:{callee.ingress}\n")
            identity = resource("Identity", "identity01", provider="corp", egress={"hosts": ["orders.shop.svc"]})
            with ProxyProcess(
                caller_folder,
                [provider, identity],
                "--identity=identity01",
                f"--token-file={caller_folder / 'token'}",
                f"--connect-to-file={hosts}",
                python=python,
            ) as proxy:
                assert _asked(proxy, "/orders").status == 200
                assert _asked(proxy, "/admin").status == 403
                proxy.check_log()
            callee.check_log()
        (received,) = origin.requests
        assert received.value(b"X-Aegis-Identity") == str(caller).encode()
        assert received.value(b"Authorization") is None


def _asked(proxy: ProxyProcess, path: str) -> Answer:
    """What the caller's app gets through its proxy."""
    with RawClient(proxy.egress) as app:
        app.send(f"GET http://orders.shop.svc{path} HTTP/1.1\r\nHost: orders.shop.svc\r\n\r\n".encode())
        return app.answer()


def _token_service(followed: Followed) -> Any:
    """The copied tests' own token service."""
    file = followed.home / "aegis-idp-acme" / "tests" / "token_service.py"
    spec = importlib.util.spec_from_file_location("acme_token_service", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TokenService
