"""Documents are held to the code: links, names and examples. What is no longer true fails."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from aegis_api.provider import ClusterIdentityProvider, IdentityProvider
from aegis_api.reading import Node
from aegis_api.resources import API_VERSION, GROUP, KINDS, parse_resource
from aegis_idp.discovery import load
from aegis_idp.settings import read_settings
from aegis_local.demo.scenario import GROUPS
from aegis_webhook.settings import PodSettings, read_pod_settings
from support.documents import ROOT, Page, page, pages

PAGES = pages()
PACKAGES = ("aegis_api", "aegis_idp", "aegis_proxy", "aegis_webhook", "aegis_reconcile", "aegis_local")
every_page = pytest.mark.parametrize("each", PAGES, ids=lambda each: each.name)


# --- what a page points at


@every_page
def test_links_lead_somewhere(each: Page) -> None:
    """A relative link names a file that is there, and a heading in it."""
    for link in each.links():
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (each.path.parent / file).resolve() if file else each.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target, target.read_text("utf-8")).anchors(), link


@every_page
def test_tables_are_whole(each: Page) -> None:
    """A head, its rule, and a row at least, all with as many cells."""
    for table in each.tables():
        assert len(table) > 2, table
        assert set("".join(table[1])) <= set("-:"), table[1]
        assert {len(row) for row in table} == {len(table[0])}, table[0]


PLUGIN = ROOT / "idp_plugins" / "template"
FOLDERS = r"crds|idp_plugins|proxy|functions|knative|tests|docs|\.ci|aegis_\w+"
PATH = re.compile(rf"(?:{FOLDERS})(?:/[\w.-]+)+/?")


@every_page
def test_files_that_are_named_are_there(each: Page) -> None:
    """A path in backticks is one of the checkout, of a package's folder, or of the plugin that authors copy."""
    for name in filter(PATH.fullmatch, each.code()):
        if "PKG" not in name and "acme" not in name:
            places = [ROOT / name, *ROOT.glob(f"*/src/{name}"), *ROOT.glob(f"*/*/src/{name}"), PLUGIN / name]
            assert any(place.exists() for place in places), name


def test_every_page_is_reached_from_the_readme() -> None:
    """A page without a link is a page without readers."""
    linked = {str((ROOT / link.partition("#")[0]).resolve()) for link in page("README.md").links()}
    assert {str(each.path) for each in PAGES} - linked == {str(ROOT / "README.md")}


@cache
def modules() -> tuple[str, ...]:
    found = []
    for name in PACKAGES:
        package = importlib.import_module(name)
        found += [name, *(info.name for info in pkgutil.walk_packages(package.__path__, f"{name}."))]
    return tuple(found)


def _resolves(dotted: str) -> bool:
    """Whether `a.b.Class.method` names something: `a.b` is a module, or the end of a module's name."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        stem = ".".join(parts[:cut])
        for module in modules():
            if module == stem or module.endswith(f".{stem}"):
                found: Any = importlib.import_module(module)
                for name in parts[cut:]:
                    found = getattr(found, name, getattr(found, "__annotations__", {}).get(name))
                if found is not None:
                    return True
    return False


DOTTED = re.compile(r"(?:core|shell|aegis_\w+)(?:\.\w+)+")


@every_page
def test_functions_that_are_named_are_there(each: Page) -> None:
    """`core.ingress.judge` and its like are what they were when the page was written."""
    for name in filter(DOTTED.fullmatch, each.code()):
        assert _resolves(name), name


def test_the_check_of_names_can_fail() -> None:
    """A name that is not there is seen."""
    assert _resolves("core.ingress.judge")
    assert not _resolves("core.ingress.judged")
    assert not _resolves("core.ingres.judge")


def test_the_flow_names_every_module_of_the_request_path() -> None:
    """Walking the page, one comes through each step's module."""
    named = page("docs/flow.md").text
    for step in ("head", "request", "fields", "ingress", "tokens", "jws", "keys", "rules", "egress", "framing"):
        assert f"core.{step}." in named, step


# --- examples


def _documents(each: Page) -> Iterator[dict[str, Any]]:
    for block in each.blocks("yaml"):
        yield from yaml.safe_load_all(block)


@every_page
def test_yaml_examples_are_taken(each: Page) -> None:
    """Resources parse, providers' settings are taken by their plugins, and annotated pods would be admitted."""
    for document in _documents(each):
        if document["apiVersion"].startswith(GROUP):
            resource = parse_resource(document)
            if isinstance(resource, IdentityProvider | ClusterIdentityProvider) and resource.spec.type != "acme":
                read_settings(load(resource.spec.type).settings, Node(dict(resource.spec.config), "spec.config"))
        elif document["kind"] in ("Pod", "Deployment"):
            pod = document["spec"]["template"] if document["kind"] == "Deployment" else document
            found = read_pod_settings(pod["metadata"]["annotations"], document["metadata"]["namespace"])
            assert isinstance(found, PodSettings)


def test_there_are_examples_of_every_kind() -> None:
    """Each kind of the mesh is shown once at least."""
    shown = {
        document["kind"]
        for each in (page("README.md"), page("docs/resources.md"))
        for document in _documents(each)
        if document["apiVersion"] == API_VERSION
    }
    assert shown == set(KINDS)


def test_the_demo_of_the_readme_is_the_demo() -> None:
    """Each line that the README shows is one that the demo prints; the count of checks is right."""
    [excerpt] = page("README.md").blocks("text")[:1]
    printed = _demo_texts()
    for line in excerpt.splitlines()[1:]:
        what = line.strip().split("  ")[0]
        assert not what or what in printed or what.startswith("demo: "), what
    count = sum(len(group.checks) for group in GROUPS)
    assert f"demo: {count} of {count} checks passed" in excerpt


def _demo_texts() -> set[str]:
    source = ast.parse((ROOT / "knative/src/aegis_local/demo/scenario.py").read_text())
    return {node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@every_page
def test_tasks_that_are_named_are_there(each: Page) -> None:
    """`uv run task NAME` is a task of the Taskfile."""
    known = set(yaml.safe_load((ROOT / "Taskfile.yml").read_text())["tasks"])
    assert set(re.findall(r"uv run task ([a-z][a-z-]*)", each.text)) <= known


def test_every_task_is_named_in_contributing() -> None:
    """Who changes Aegis finds all commands on one page."""
    known = set(yaml.safe_load((ROOT / "Taskfile.yml").read_text())["tasks"]) - {"default"}
    assert {name for name in known if f"`uv run task {name}`" not in page("CONTRIBUTING.md").text} == set()
