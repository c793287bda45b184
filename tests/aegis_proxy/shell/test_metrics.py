from collections.abc import Iterator

from aegis_proxy.shell.metrics import Metrics

LABELS = ("inbound", "allow", "", "corp", "orders", "r", "2xx")


def test_nothing_counted_is_still_described() -> None:
    """Each family has its help and its type."""
    text = Metrics().text()
    for name, kind in (("requests_total", "counter"), ("request_duration_seconds", "histogram")):
        assert f"# TYPE aegis_{name} {kind}\n" in text


def test_requests_are_counted_by_verdict() -> None:
    """All labels are shown, empty ones too."""
    metrics = Metrics()
    for _ in range(2):
        metrics.count(LABELS)
    line = 'direction="inbound",decision="allow",reason="",provider="corp",policy="orders",rule="r",status_class="2xx"'
    assert f"aegis_requests_total{{{line}}} 2\n" in metrics.text()


def test_durations_fall_into_buckets_that_add_up() -> None:
    """Each bucket counts all that took no longer (a bound belongs to its bucket)."""
    metrics = Metrics()
    for seconds in (0.0005, 0.001, 0.02, 99.0):
        metrics.observe("inbound", seconds)
    text = metrics.text()
    for bound, count in (("0.001", 2), ("0.01", 2), ("0.025", 3), ("30.0", 3), ("+Inf", 4)):
        assert f'_bucket{{direction="inbound",le="{bound}"}} {count}\n' in text
    assert '_sum{direction="inbound"} 99.021500\n' in text
    assert '_count{direction="inbound"} 4\n' in text


def test_exchanges_that_broke_off_are_counted() -> None:
    """By direction."""
    metrics = Metrics()
    metrics.abort("outbound")
    metrics.abort("outbound")
    assert 'aegis_exchanges_aborted_total{direction="outbound"} 2\n' in metrics.text()


def test_others_may_be_asked_at_each_scrape() -> None:
    """Their labels are escaped, and a sample may have none."""
    metrics = Metrics()

    def source() -> "Iterator[tuple[str, str, str, list[tuple[dict[str, str], float]]]]":
        yield "aegis_x", "gauge", "Help.", [({}, 1.5), ({"a": 'q"b\\s\nn'}, 2)]

    metrics.add_source(source)
    assert metrics.text().endswith(
        '# HELP aegis_x Help.\n# TYPE aegis_x gauge\naegis_x 1.5\naegis_x{a="q\\"b\\\\s\\nn"} 2\n'
    )
