"""The Grafana dashboard asks for metrics and labels that the proxy has, and leaves none of them out."""

import json
import re
from typing import Any

import promql_parser
import pytest

from support.documents import ROOT, page

DASHBOARD = json.loads((ROOT / "docs/grafana/aegis.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
# What Prometheus itself adds to each series of a pod, and what a histogram's buckets have.
SCRAPED = {"namespace", "pod", "le"}


def _metrics() -> dict[str, set[str]]:
    """The labels of each metric of docs/proxy.md."""
    return {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in page("docs/proxy.md").table("metric")}


def _metric(name: str) -> str:
    """The metric that a series belongs to: buckets belong to their histogram."""
    return name.removesuffix("_bucket")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_is_promql_on_our_metrics(expression: str) -> None:
    """It parses, and each selector names a metric of ours with labels that it has."""
    known = re.sub(r"\$__(rate_interval|range)", "5m", expression)
    promql_parser.parse(known)
    selectors = re.findall(r"(\w+)\{([^}]*)\}", known)
    assert selectors
    labels = set().union(*(_metrics()[_metric(name)] for name, _ in selectors))
    for _, matchers in selectors:
        assert set(re.findall(r"(\w+)=~?\"", matchers)) <= labels | SCRAPED
    for grouped in re.findall(r"by \(([^)]*)\)", known):
        assert set(grouped.split(", ")) <= labels | SCRAPED


def test_no_metric_is_left_out() -> None:
    """Each metric of docs/proxy.md has a panel."""
    shown = {_metric(name) for expression in EXPRESSIONS for name in re.findall(r"(aegis_\w+)\{", expression)}
    assert shown == set(_metrics())


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_legend_names_labels_that_are_left(panel: dict[str, Any]) -> None:
    """Grafana shows an absent label as nothing at all."""
    for target in panel["targets"]:
        [grouped] = set(re.findall(r"by \(([^)]*)\)", target["expr"])) or {""}
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= set(grouped.split(", "))


def test_panels_lie_side_by_side() -> None:
    """No two panels overlap, and none is wider than the page."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + column, place["y"] + line) for column in range(place["w"]) for line in range(place["h"])}
        assert not cells & taken
        assert all(column < 24 for column, _ in cells)
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
