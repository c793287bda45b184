"""Servers from package registries: fetched once per version, again after a run that broke off."""

import os
import stat
from pathlib import Path

import pytest

from servers import packages
from servers.build import MODULES, BuildError

# Each tool does what the real one does with its files, and writes down that it was called.
MVN = """#!/bin/sh
echo "mvn $*" >> "$CALLS"
case "$*" in
*dependency:copy*)
  out="${*##*-DoutputDirectory=}"
  mkdir -p keycloak-1/bin && printf '#!/bin/sh\\necho "kc.sh $*" >> "$CALLS"\\n' > keycloak-1/bin/kc.sh
  chmod +x keycloak-1/bin/kc.sh && tar czf "$out/keycloak-1.tar.gz" keycloak-1 ;;
esac
"""
NPM = """#!/bin/sh
echo "npm $*" >> "$CALLS"
test -f package-lock.json && test -f server.mjs
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The calls of the tools, which are small stand-ins; the cache is the test's own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("mvn", MVN), ("java", "#!/bin/sh\n"), ("npm", NPM)):
        (programs / name).write_text(text)
        (programs / name).chmod((programs / name).stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("AEGIS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "calls").touch()
    return tmp_path / "calls"


def test_keycloak_is_fetched_and_built_once(calls: Path) -> None:
    """Its files lie in the folder itself, built with our options; a second look fetches nothing."""
    said: list[str] = []
    folder = packages.keycloak(said.append)
    assert (folder / "bin" / "kc.sh").exists()
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["mvn", "mvn", "kc.sh"]
    assert f"kc.sh build {' '.join(packages.KEYCLOAK_BUILD)}" in calls.read_text()
    assert "fetching Keycloak (once per version, kept outside the checkout)" in said
    before = calls.read_text()
    assert packages.keycloak(said.append) == folder
    assert calls.read_text() == before


def test_what_broke_off_is_done_again(calls: Path) -> None:
    """A folder that was not finished is not trusted."""
    folder = packages.oidc_provider(lambda _: None)
    (folder / "ready").unlink()
    (folder / "rest").touch()
    assert packages.oidc_provider(lambda _: None) == folder
    assert not (folder / "rest").exists()
    assert calls.read_text().count("npm ci") == 2


def test_a_failure_tells_what_was_printed(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command and its own words."""
    npm = calls.parent / "bin" / "npm"
    npm.write_text("#!/bin/sh\necho no such version >&2\nexit 1\n")
    with pytest.raises(BuildError, match=r"(?s)installing oidc-provider: .*npm ci.* failed:.*no such version"):
        packages.oidc_provider(lambda _: None)


def test_a_missing_tool_is_named(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setenv("PATH", str(calls.parent))
    with pytest.raises(BuildError, match=r"`mvn` is not on PATH.*install the Debian package maven"):
        packages.keycloak(lambda _: None)


def test_the_lock_file_names_no_registry() -> None:
    """It works with whatever registry npm is set to."""
    text = (MODULES / "oidc-provider" / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert '"integrity"' in text
