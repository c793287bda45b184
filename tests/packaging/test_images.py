"""The Dockerfiles, as far as they can be held to the checkout without a builder."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from aegis_api.annotations import PROXY_UID

ROOT = Path(__file__).parents[2]
IMAGES = {path.parent.name: path for path in ROOT.rglob("Dockerfile") if ".venv" not in path.parts}
# Neither goes into an image: a plugin to copy, and servers for tests.
NOT_SHIPPED = {"template", "fakes"}


def _installed(image: str) -> set[str]:
    """The folders that an image installs from, below the root of the checkout."""
    text = IMAGES[image].read_text().replace("\\\n", " ")
    [command] = re.findall(r"pip install --no-cache-dir ([^&\n]+)", text)
    return {folder.removeprefix("/src/").partition("[")[0] for folder in shlex.split(command)}


def test_each_part_that_runs_in_a_cluster_has_its_image() -> None:
    """The sidecar, and both functions."""
    assert sorted(IMAGES) == ["proxy", "reconcile", "webhook"]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_every_provider(image: str) -> None:
    """Else a provider type would be known to one part of the mesh, and unknown to another."""
    plugins = {path.parent.name for path in ROOT.glob("idp_plugins/*/pyproject.toml")} - NOT_SHIPPED
    assert {f"idp_plugins/{name}" for name in plugins} <= _installed(image)


@pytest.mark.parametrize("image", IMAGES)
def test_what_an_image_installs_is_copied_and_whole(image: str) -> None:
    """Every dist of ours that one of them needs is installed from the checkout, not from a package index."""
    copied = re.findall(r"^COPY ([^-\s]\S*) /src/\1$", IMAGES[image].read_text(), re.MULTILINE)
    projects = [
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"] for folder in _installed(image)
    ]
    assert all(any(Path(folder).is_relative_to(each) for each in copied) for folder in _installed(image))
    needed = {re.split(r"[^a-z-]", dependency)[0] for project in projects for dependency in project["dependencies"]}
    assert {name for name in needed if name.startswith("aegis-")} <= {project["name"] for project in projects}


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_runs_as_root(image: str) -> None:
    """The proxy has the user id that the redirection spares."""
    last = IMAGES[image].read_text().rpartition("FROM ")[2]
    [user] = re.findall(r"^USER (\d+):\1$", last, re.MULTILINE)
    assert int(user) == (PROXY_UID if image == "proxy" else 65532)


def test_the_sidecar_can_be_given_its_command() -> None:
    """The webhook writes `command: [aegis-proxy]`, which is a script of the dist."""
    project = tomllib.loads((ROOT / "proxy" / "pyproject.toml").read_text())["project"]
    [entry] = re.findall(r"^ENTRYPOINT (.+)$", IMAGES["proxy"].read_text(), re.MULTILINE)
    assert json.loads(entry) == list(project["scripts"])
