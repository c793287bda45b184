"""Each dist stands alone: its wheel installs into an empty environment with its own dependencies, and imports."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# What a sidecar must not carry (an image's size, its start, and what there is to attack).
NOT_IN_THE_SIDECAR = re.compile(
    r"kubernetes|boto.*|hvac|azure-.*|msal|google-.*|flask|functions-framework|requests|pytest"
)
# Files and folders that need an extra of their dist.
OF_EXTRAS = {"conformance", "tracing.py"}

pytestmark = pytest.mark.timeout(600)


def _manifests() -> Mapping[str, Mapping[str, Any]]:
    """The `project` table of each dist of the workspace, by the dist's name."""
    files = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml")]
    projects = [tomllib.loads(file.read_text())["project"] for file in files]
    return {project["name"]: project for project in projects}


MANIFESTS = _manifests()


def _run(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of all dists."""
    folder = tmp_path_factory.mktemp("wheels")
    _run("uv", "build", "--quiet", "--all-packages", "--wheel", "--out-dir", str(folder))
    return folder


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The versions of uv.lock as constraints, so that what is tested is what is locked."""
    file = tmp_path_factory.mktemp("locked") / "constraints.txt"
    _run(
        "uv",
        "export",
        "--quiet",
        "--frozen",
        "--all-packages",
        "--all-extras",
        "--no-hashes",
        "--no-emit-workspace",
        "--format",
        "requirements.txt",
        "--output-file",
        str(file),
    )
    return file


def _installed(dist: str, folder: Path, wheels: Path, locked: Path) -> Path:
    """The Python of a new environment with nothing but `dist` and what it depends on.

    Every dist of the workspace is overridden by its wheel: a package index may hold others of the same names.
    """
    ours = folder / "ours.txt"
    folder.mkdir()
    extras = _extras(dist)
    ours.write_text("".join(f"{name}{extras.get(name, '')} @ {_wheel(name, wheels).as_uri()}\n" for name in MANIFESTS))
    python = folder / "venv" / "bin" / "python"
    _run("uv", "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    options = ("--constraints", str(locked), "--overrides", str(ours))
    _run("uv", "pip", "install", "--quiet", "--python", str(python), *options, dist)
    return python


def _extras(dist: str) -> dict[str, str]:
    """What `dist` asks for of others beside their core, like `[conformance]`: an override would drop it."""
    asked = (re.fullmatch(r"([a-z-]+)(\[[a-z,-]+\])", each) for each in MANIFESTS[dist]["dependencies"])
    return {found[1]: found[2] for found in asked if found}


def _wheel(dist: str, wheels: Path) -> Path:
    (wheel,) = wheels.glob(f"{dist.replace('-', '_')}-*.whl")
    return wheel


def test_every_dist_has_a_wheel(wheels: Path) -> None:
    """Nothing of the workspace is left out of what can be installed."""
    assert sorted(wheel.name.partition("-")[0].replace("_", "-") for wheel in wheels.glob("*.whl")) == sorted(MANIFESTS)


@pytest.mark.parametrize("dist", sorted(MANIFESTS))
def test_a_wheel_stands_alone(dist: str, tmp_path: Path, wheels: Path, locked: Path) -> None:
    """Every module of the dist imports, its entry points load, and its type marker is in the wheel."""
    python = _installed(dist, tmp_path / dist, wheels, locked)
    said = _run(str(python), "-W", "error", "-c", _LOOK, dist, *_modules(dist))
    assert said.split() == ["typed", *(["loaded"] * _entry_points(dist))]


def test_the_sidecar_carries_no_sdk(tmp_path: Path, wheels: Path, locked: Path) -> None:
    """The proxy's dependencies, all the way down, hold neither a Kubernetes client nor a cloud's SDK."""
    python = _installed("aegis-proxy", tmp_path / "proxy", wheels, locked)
    listed = _run("uv", "pip", "freeze", "--python", str(python))
    names = [re.split(r"[=@ ]", line)[0].lower() for line in listed.splitlines()]
    assert "twisted" in names
    assert [name for name in names if NOT_IN_THE_SIDECAR.fullmatch(name)] == []


def _modules(dist: str) -> list[str]:
    """Every module of the dist that needs none of its extras and is no command."""
    package = dist.replace("-", "_")
    (source,) = (path.parent for path in ROOT.glob(f"**/src/{package}/__init__.py"))
    left_out = {*OF_EXTRAS, "__main__.py"}
    files = [file for file in source.rglob("*.py") if not left_out & set(file.relative_to(source).parts)]
    names = [".".join(file.relative_to(source.parent).with_suffix("").parts) for file in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def _entry_points(dist: str) -> int:
    project = MANIFESTS[dist]
    groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    return sum(len(group) for group in groups)


_LOOK = """
import importlib, importlib.metadata, importlib.resources, sys
dist, *modules = sys.argv[1:]
for module in modules:
    importlib.import_module(module)
if importlib.resources.files(dist.replace("-", "_")).joinpath("py.typed").is_file():
    print("typed")
for entry in importlib.metadata.distribution(dist).entry_points:
    entry.load()
    print("loaded")
"""
