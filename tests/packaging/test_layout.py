"""Where things are: each source file has its test file, under the same name."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXEMPT = {"__init__.py", "__main__.py"}
# A plugin to copy takes its tests along.
OWN_TESTS = {"aegis_idp_template": ROOT / "idp_plugins" / "template" / "tests"}


def _sources() -> Iterator[tuple[Path, Path]]:
    """Each source file of the workspace with code in it, and its path from the `src` folder."""
    for manifest in sorted(ROOT.glob("*/pyproject.toml")) + sorted(ROOT.glob("*/*/pyproject.toml")):
        src = manifest.parent / "src"
        for file in sorted(src.rglob("*.py")):
            if file.name not in EXEMPT and file.stat().st_size:
                yield file, file.relative_to(src)


def _test_of(source: Path) -> Path:
    package, *folders = source.parent.parts
    return OWN_TESTS.get(package, ROOT / "tests" / package).joinpath(*folders, f"test_{source.name}")


def test_each_source_file_has_its_test_file() -> None:
    """X/src/PKG/a/b.py is tested by tests/PKG/a/test_b.py."""
    sources = list(_sources())
    assert len({source.parts[0] for _, source in sources}) > 5
    missing = {str(file.relative_to(ROOT)): str(_test_of(path).relative_to(ROOT)) for file, path in sources}
    assert {file: test for file, test in missing.items() if not (ROOT / test).is_file()} == {}


def test_no_test_folder_is_a_package() -> None:
    """Test modules are found by path, so two may have the same name."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
