"""docs/writing-a-plugin.md, followed to the letter: its commands are extracted and run."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from attrs import frozen

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
