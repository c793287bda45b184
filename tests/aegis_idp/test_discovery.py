"""Plugins by name, from dists made on disk."""

import sys
from pathlib import Path

import pytest

from aegis_idp.discovery import PluginError, installed, load

GOOD = """
class Acme:
    settings = object
    def makes_objects(self, settings): ...
    def pod_needs(self, settings, pod): ...
    async def acquire(self, settings, request, http): ...
    async def trust(self, settings, http): ...
    def subject(self, settings, claims): ...
    async def provision(self, settings, request, http): ...
    async def deprovision(self, settings, request, http): ...
PLUGIN = Acme()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path where a test installs dists."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _install(site: Path, module: str, code: str, name: str = "acme", dist: str = "") -> None:
    """A dist with one module and one entry point, as an installer leaves them on disk."""
    (site / f"{module}.py").write_text(code)
    info = site / f"{dist or module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist or module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[aegis.idp]\n{name} = {module}:PLUGIN\n")


def test_a_plugin_is_found_by_its_type(site: Path) -> None:
    """The entry point's name is the provider's type."""
    _install(site, "acme_found", GOOD)
    assert type(load("acme")).__name__ == "Acme"
    assert "acme" in installed()
    assert list(installed()) == sorted(installed())


def test_only_the_wanted_plugin_is_imported(site: Path) -> None:
    """A broken plugin that nobody asks for harms nobody."""
    _install(site, "acme_wanted", GOOD)
    _install(site, "acme_broken", "raise RuntimeError('broken')", name="broken")
    load("acme")
    assert "acme_broken" not in sys.modules


def test_a_type_without_plugin_is_refused(site: Path) -> None:
    """The error names the type and what there is."""
    _install(site, "acme_present", GOOD)
    with pytest.raises(PluginError, match=r"no plugin for the provider type nosuch .*installed: .*acme"):
        load("nosuch")


def test_a_plugin_that_does_not_load_is_refused(site: Path) -> None:
    """The error names the plugin and keeps the cause."""
    _install(site, "acme_raises", "raise RuntimeError('its library is missing')")
    with pytest.raises(
        PluginError, match=r"the plugin acme \(acme_raises:PLUGIN\) does not load: .*library is missing"
    ):
        load("acme")


def test_what_is_no_plugin_is_refused(site: Path) -> None:
    """The error names the questions that it has no answer to."""
    _install(site, "acme_hollow", GOOD.replace("async def trust", "async def distrust").replace("makes_", "mends_"))
    with pytest.raises(PluginError, match=r"is no plugin: it lacks makes_objects, trust$"):
        load("acme")


def test_two_plugins_of_one_type_are_refused(site: Path) -> None:
    """Whose tokens count must not depend on the order of a folder."""
    _install(site, "acme_one", GOOD)
    _install(site, "acme_two", GOOD)
    with pytest.raises(PluginError, match="several plugins claim the provider type acme: acme_one, acme_two; keep one"):
        load("acme")


def test_one_plugin_seen_twice_is_one(site: Path) -> None:
    """An editable install beside a normal one is the same plugin."""
    _install(site, "acme_same", GOOD)
    other = site / "acme_again-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_again\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[aegis.idp]\nacme = acme_same:PLUGIN\n")
    assert type(load("acme")).__name__ == "Acme"


def test_the_shipped_plugins_load() -> None:
    """The workspace's own plugins are found by their types."""
    assert {"kubernetes", "oidc", "template"} <= set(installed())
    assert not any(isinstance(load(name), type) for name in ("kubernetes", "oidc", "template"))
