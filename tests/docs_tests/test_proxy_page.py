"""The example of docs/proxy.md, followed to the letter: its resources, its token maker, its answers, its metrics."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from aegis_idp.conformance.loopback import Answer, LoopbackServer
from aegis_proxy.shell.metrics import Metrics
from support.documents import page
from support.proxy_process import ProxyProcess
from support.raw_client import RawClient

PAGE = page("docs/proxy.md")
# Where the test's own process lives is the test's business.
OURS = ("--resources", "--namespace", "--ingress-listen", "--ingress-upstream", "--egress-listen", "--admin-listen")


@pytest.fixture
def app() -> Iterator[str]:
    """An app with one page, as `http.server` in a folder with an index."""
    with LoopbackServer(lambda asked: Answer(200 if asked.path == "/" else 404)) as server:
        yield f"127.0.0.1:{server.port}"


def _flags() -> Iterator[str]:
    """The flags of the page's command, without those that say where the test's process listens."""
    [command] = [line for block in PAGE.blocks("sh") for line in block.splitlines() if "aegis-proxy run" in line]
    words = shlex.split(command)[4:]
    while words:
        flag, *rest = words
        value = [] if not rest or rest[0].startswith("--") else rest[:1]
        words = rest[len(value) :]
        if flag not in OURS:
            yield from (flag, *value)


def _token(folder: Path, name: str) -> str:
    [source] = PAGE.blocks("python")
    script = folder / "make_token.py"
    script.write_text(source)
    done = subprocess.run([sys.executable, script, name], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def _ask(port: int, path: str, token: str = "") -> int:
    credentials = f"Authorization: Bearer {token}\r\n" if token else ""
    with RawClient(port) as client:
        return client.send(f"GET {path} HTTP/1.1\r\nHost: orders\r\n{credentials}\r\n".encode()).answer().status


def test_the_example_beside_a_plain_process(tmp_path: Path, app: str) -> None:
    """No token 401, the caller of the rule 200, another one 403, a path without token passes to the app."""
    resources = list(yaml.safe_load_all(PAGE.blocks("yaml")[0]))
    flags = list(_flags())
    assert "--policy" in flags
    with ProxyProcess(tmp_path, resources, *flags, "--ingress-upstream", app) as proxy:
        answers = [
            _ask(proxy.ingress, "/"),
            _ask(proxy.ingress, "/", _token(tmp_path, "checkout")),
            _ask(proxy.ingress, "/", _token(tmp_path, "intruder")),
            _ask(proxy.ingress, "/healthz"),
        ]
        scraped = proxy.metrics()
    assert answers == [401, 200, 403, 404]
    _check_metrics(scraped)


def _check_metrics(scraped: str) -> None:
    """The table holds the metrics that a scrape brings, with their types and labels, and no others."""
    rows = {row[0].strip("`"): row for row in PAGE.table("metric")}
    assert {name: row[1] for name, row in rows.items()} == dict(re.findall(r"# TYPE (\S+) (\S+)", scraped))
    assert set(re.findall(r"(\w+)=", scraped)) - {"le"} <= set(re.findall(r"`(\w+)`", str(rows)))
    assert all(f"`{label}`" in rows["aegis_requests_total"][2] for label in Metrics.REQUEST_LABELS)
