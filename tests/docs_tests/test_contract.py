"""The public contract is documented: each flag, annotation, field, metric, log event and refusal, and no other."""

import argparse
import ast
import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import yaml

from aegis_api.annotations import PREFIX
from aegis_api.reading import ParseError
from aegis_idp.discovery import load
from aegis_idp.settings import schema_of
from aegis_proxy import flags, redirect
from aegis_proxy.core import refusals
from aegis_proxy.core.token_refusal import Reason
from aegis_proxy.settings import Settings
from aegis_webhook.settings import KNOWN, PodSettings, read_pod_settings
from support.documents import ROOT, page


def quoted(cell: str) -> str:
    """What stands in the backticks of a cell."""
    return cell.strip("`")


# --- flags, pages, metrics and the log of the proxy

PROXY = page("docs/proxy.md")


def _flags(add: Any) -> dict[str, argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    add(parser)
    return {action.option_strings[0]: action for action in parser._actions}


def test_every_flag_is_documented() -> None:
    """The tables hold the flags of both commands, and no others."""
    rows = [quoted(row[0]) for row in PROXY.table("flag")]
    assert sorted(rows) == sorted([*_flags(flags.add_flags), *_flags(redirect.add_flags)])


def test_every_variable_and_default_is_documented() -> None:
    """A flag's row names its variable, and the default that the settings have."""
    rows = {quoted(row[0]): row for row in PROXY.table("flag")}
    defaults = {name: field.default for name, field in attrs.fields_dict(Settings).items()}
    for flag, action in _flags(flags.add_flags).items():
        assert quoted(rows[flag][1]) == "AEGIS_" + flag[2:].upper().replace("-", "_")
        assert rows[flag][1].strip("`") in str(action.help)
        default = defaults[action.dest]
        if isinstance(default, bool | float | int):
            assert rows[flag][2] == f"`{str(default).lower().removesuffix('.0')}`"
        elif default not in (None, "", (), attrs.NOTHING) and not isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else getattr(default, "value", default)
            assert rows[flag][2] == f"`{shown}`"


def test_every_admin_page_is_documented() -> None:
    """The table holds the pages of the admin port, and no others."""
    source = (ROOT / "proxy/src/aegis_proxy/shell/main.py").read_text()
    served = set(re.findall(r'"(/[a-z]+)": ', source)) | {
        found.removesuffix("{name}") + "CONTAINER/KIND" for found in re.findall(r'f"(/[a-z-]+/\{name\})"', source)
    }
    assert len(served) > 3
    assert {quoted(row[0]) for row in PROXY.table("page")} == served


LEVELS = ("debug", "info", "warning", "error", "failure")


def _events() -> Iterator[str]:
    """The event of each call of a log, and that of the access log's record."""
    for file in (ROOT / "proxy/src/aegis_proxy/shell").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=log, attr=level), args=[ast.Constant(str(event)), *_]):
                    if level in LEVELS and ast.unparse(log) in ("self", "log", "self._log"):
                        yield event
                case ast.Dict(keys=[ast.Constant("event"), *_], values=[ast.Constant(str(event)), *_]):
                    yield event


def test_every_log_event_is_documented() -> None:
    """The table holds each event that the proxy writes, and no others."""
    rows = [name for row in PROXY.table("event") for name in re.findall("`([^`]+)`", row[0])]
    assert sorted(rows) == sorted(set(_events()))


# --- annotations

ANNOTATIONS = page("docs/annotations.md").table("annotation")


def _around(name: str, value: str) -> dict[str, str]:
    """A pod's annotations in which `name` makes sense."""
    around = {"ingress": "true", "egress": "true", "identity": "orders", "ingress.port": "8080"}
    if name == PREFIX + "exclude.inbound.ports":
        del around["ingress.port"]
    return {**{PREFIX + key: text for key, text in around.items()}, name: value}


def test_every_annotation_is_documented() -> None:
    """The table holds each annotation that a pod may have, and no others."""
    assert sorted(quoted(row[0]) for row in ANNOTATIONS) == sorted(KNOWN)


@pytest.mark.parametrize("row", ANNOTATIONS, ids=lambda row: quoted(row[0]))
def test_examples_of_annotations_hold(row: list[str]) -> None:
    """Each annotation's example is taken, and its wrong value is refused by name."""
    name, good, bad = quoted(row[0]), quoted(row[3]), quoted(row[4])
    assert isinstance(read_pod_settings(_around(name, good), "shop"), PodSettings)
    with pytest.raises(ParseError, match=re.escape(name)):
        read_pod_settings(_around(name, bad), "shop")


def test_the_ports_of_the_proxy_are_those_of_the_page() -> None:
    """A Service's targetPort in the example is the proxy's ingress port."""
    default = attrs.fields_dict(Settings)["ingress_listen"].default
    assert default is not None
    assert f"targetPort: {default.port}" in page("docs/annotations.md").text


# --- resources

RESOURCES = page("docs/resources.md")
CRDS = [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("crds/*.yaml"))]


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, below in schema.get("properties", {}).items():
        yield f"{path}.{name}", below
        yield from _fields(below, f"{path}.{name}")
        yield from _fields(below.get("items", {}), f"{path}.{name}[]")


def _schema(crd: dict[str, Any], part: str) -> dict[str, Any]:
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return dict(_fields(properties[part], part))


def test_every_field_of_every_kind_is_documented() -> None:
    """The tables hold the fields of spec, and no others."""
    known = {name for crd in CRDS for name in _schema(crd, "spec")}
    assert {quoted(row[0]) for row in RESOURCES.table("field")} == known


def test_every_field_of_a_status_is_documented() -> None:
    """The tables hold the fields of status, down to the conditions, whose members are those of Kubernetes."""
    known = {name for crd in CRDS for name in _schema(crd, "status") if not name.startswith("status.conditions[]")}
    assert {quoted(row[0]) for row in RESOURCES.table("status")} == known


def test_defaults_of_fields_are_those_of_the_schema() -> None:
    """What the API server fills in stands in the table."""
    rows = {quoted(row[0]): row[1] for row in RESOURCES.table("field")}
    for crd in CRDS:
        for name, schema in _schema(crd, "spec").items():
            if "default" in schema:
                assert rows[name] == f"`{str(schema['default']).replace('False', 'false')}`", name
            required = name.rpartition(".")[2] in _required(crd, name)
            assert rows[name].startswith("required") or not required, name


def _required(crd: dict[str, Any], name: str) -> list[str]:
    above = name.rpartition(".")[0]
    if above == "spec":
        found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    else:
        found = _schema(crd, "spec")[above.removesuffix("[]")]
    return list((found["items"] if above.endswith("[]") else found).get("required", []))


def test_kinds_are_documented_with_their_names() -> None:
    """The table of kinds holds what the CRDs say of names and scope."""
    rows = {re.sub(r"\[(\w+)\].*", r"\1", row[0]): row for row in RESOURCES.table("kind")}
    assert set(rows) == {crd["spec"]["names"]["kind"] for crd in CRDS}
    for crd in CRDS:
        row = rows[crd["spec"]["names"]["kind"]]
        assert [quoted(row[1])] == crd["spec"]["names"]["shortNames"]
        assert row[2] == {"Namespaced": "namespace", "Cluster": "cluster"}[crd["spec"]["scope"]]


@pytest.mark.parametrize("kind", ["aws", "azure", "gcp", "kubernetes", "oidc"])
def test_every_setting_of_a_plugin_is_documented(kind: str) -> None:
    """The table below a plugin's heading holds its settings with their defaults and bounds, and no others."""
    section = RESOURCES.text.partition(f"### `config` of the type `{kind}`")[2].partition("\n#")[0]
    rows = {quoted(row[0]): row for row in attrs.evolve(RESOURCES, text=section).table("setting")}
    properties: Any = schema_of(load(kind).settings)["properties"]
    assert set(rows) == set(properties)
    for name, schema in properties.items():
        default = schema.get("default")
        if isinstance(default, str | int) and not isinstance(default, bool):
            assert rows[name][1] == f"`{default}`", name
        for bound in ("minimum", "maximum"):
            assert str(schema.get(bound, "")) in rows[name][2], name


# --- refusals


def test_every_refusal_is_documented() -> None:
    """The table holds each way to say no with its status, and no others."""
    known = {value.code: value.status for value in vars(refusals).values() if isinstance(value, refusals.Refusal)}
    assert {quoted(row[0]): int(row[1]) for row in page("docs/security.md").table("code")} == known


def test_every_reason_of_a_token_is_documented() -> None:
    """The table holds each reason why a token proves nothing, and no others."""
    assert [quoted(row[0]) for row in page("docs/security.md").table("reason")] == [reason.value for reason in Reason]
