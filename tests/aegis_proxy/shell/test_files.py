import os
from pathlib import Path

import pytest
import yaml
from twisted.internet.task import Clock

from aegis_proxy.core.knowledge import Absent, Key, Pending, Present
from aegis_proxy.shell.files import FileSource, Unreadable, load_resources, marks_of
from support.listings import policy
from support.proxy_log import ReadableLog

ORDERS = Key("IngressPolicy", "orders")


def put(path: Path, *documents: object) -> None:
    """As editors and kubectl do: a whole new file takes the place of the old."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(yaml.safe_dump_all(documents))
    fresh.replace(path)


def test_one_file_holds_many_documents(tmp_path: Path) -> None:
    """Empty ones are passed over, JSON is YAML."""
    path = tmp_path / "mesh.yaml"
    path.write_text("---\n" + yaml.safe_dump(policy(1)) + "---\n---\n" + yaml.safe_dump(policy(1, name="other")))
    assert set(load_resources(path, "shop")) == {ORDERS, Key("IngressPolicy", "other")}


def test_a_folder_is_all_its_files(tmp_path: Path) -> None:
    """By their endings; others are not looked at."""
    put(tmp_path / "a.yaml", policy(1))
    put(tmp_path / "b.yml", policy(1, name="b"))
    put(tmp_path / "c.json", policy(1, name="c"))
    (tmp_path / "README.md").write_text("{")
    assert {key.name for key in load_resources(tmp_path, "shop")} == {"orders", "b", "c"}


def test_objects_of_other_namespaces_are_left_out(tmp_path: Path) -> None:
    """An object without a namespace is of ours."""
    ours = policy(1)
    del ours["metadata"]["namespace"]
    put(tmp_path / "a.yaml", ours, policy(1, name="other", namespace="elsewhere"))
    assert set(load_resources(tmp_path / "a.yaml", "shop")) == {ORDERS}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "a.yaml: got no YAML"),
        ("a: !!python/object:os.system x", "a.yaml: got no YAML"),
        ("a: 2030-99-99", "a.yaml: got no YAML"),
        ("a: " + "9" * 5000, "a.yaml: got no YAML"),
        ("7", "a.yaml, document 1: the document: got 7, wanted an object"),
        ("kind: Pod\napiVersion: v1", "apiVersion: got"),
        (yaml.safe_dump_all([policy(1), policy(1)]), "got a second IngressPolicy orders"),
        ("\ud800", "a.yaml: got no YAML"),
    ],
)
def test_one_bad_document_spoils_the_set(tmp_path: Path, content: str, said: str) -> None:
    """The error names the file and the place."""
    path = tmp_path / "a.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(Unreadable) as caught:
        load_resources(path, "shop")
    assert said in str(caught.value)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """Memory has a bound."""
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(Unreadable, match="a file of more than"):
        load_resources(path, "shop")


def test_a_swapped_link_is_another_file(tmp_path: Path) -> None:
    """As the kubelet updates a ConfigMap volume: `..data` points to a new folder."""
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text("same size")
        os.utime(tmp_path / name / "a.yaml", ns=(0, 0))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    before = marks_of(tmp_path / "a.yaml")
    (tmp_path / "tmp").symlink_to("v2")
    (tmp_path / "tmp").replace(tmp_path / "..data")
    assert marks_of(tmp_path / "a.yaml") != before
    assert [mark.path.partition(" ")[0] for mark in marks_of(tmp_path)] == [str(tmp_path / "a.yaml")]


class Bench:
    def __init__(self, path: Path, clock: Clock, log: ReadableLog) -> None:
        self.changes = 0
        self.clock = clock
        self.source = FileSource(path, "shop", clock, log.log, self._changed)
        self.source.start()

    def _changed(self) -> None:
        self.changes += 1

    def two_seconds(self) -> None:
        for _ in range(20):
            self.clock.advance(0.1)

    def path(self) -> bytes:
        held = self.source.held(ORDERS)
        assert isinstance(held, Present)
        path = held.resource.rules[0].paths[0]  # type: ignore[union-attr]  # an IngressPolicy
        assert isinstance(path, bytes)
        return path


def test_a_change_is_in_force_within_two_seconds(tmp_path: Path, clock: Clock, readable_log: ReadableLog) -> None:
    """And nothing happens while nothing changes."""
    path = tmp_path / "mesh.yaml"
    put(path, policy(1, path="/a"))
    bench = Bench(path, clock, readable_log)
    assert (bench.path(), bench.changes) == (b"/a", 1)
    bench.two_seconds()
    assert bench.changes == 1
    put(path, policy(1, path="/b"))
    bench.two_seconds()
    assert (bench.path(), bench.changes) == (b"/b", 2)
    bench.source.stop()
    put(path, policy(1, path="/c"))
    bench.two_seconds()
    assert bench.path() == b"/b"
    bench.source.stop()


def test_a_set_that_does_not_parse_leaves_the_last_good_one(
    tmp_path: Path, clock: Clock, readable_log: ReadableLog
) -> None:
    """It is said once, in the log and in the description, until it is good again."""
    path = tmp_path / "mesh.yaml"
    put(path, policy(1, path="/a"))
    bench = Bench(path, clock, readable_log)
    path.write_text("{")
    bench.two_seconds()
    assert bench.path() == b"/a"
    assert str(bench.source.describe()["problem"]).startswith(f"{path}: got no YAML")
    said = [event for event in readable_log.events() if event["event"] == "resources cannot be used"]
    assert [event["in_force"] for event in said] == ["the last good set"]
    put(path, policy(1, path="/b"))
    bench.two_seconds()
    assert (bench.path(), bench.source.describe()["problem"]) == (b"/b", None)


def test_a_file_that_goes_away_leaves_the_last_good_set(
    tmp_path: Path, clock: Clock, readable_log: ReadableLog
) -> None:
    """An unmounted volume is no order to open or to close."""
    path = tmp_path / "mesh.yaml"
    put(path, policy(1, path="/a"))
    bench = Bench(path, clock, readable_log)
    path.unlink()
    bench.two_seconds()
    assert bench.path() == b"/a"
    assert "No such file or directory" in bench.source.problem


def test_before_the_first_good_set_nothing_is_known(tmp_path: Path, clock: Clock, readable_log: ReadableLog) -> None:
    """It is closed, and tries again."""
    path = tmp_path / "mesh.yaml"
    bench = Bench(path, clock, readable_log)
    held = bench.source.held(ORDERS)
    assert isinstance(held, Pending)
    assert "No such file" in held.reason
    put(path, policy(1, path="/a"))
    bench.two_seconds()
    assert bench.path() == b"/a"
    assert bench.source.held(Key("Identity", "me")) == Absent("is not in the resources")
    bench.source.want(frozenset())
    assert bench.source.silence() == 0.0


def test_before_it_is_started_nothing_was_read(tmp_path: Path, clock: Clock, readable_log: ReadableLog) -> None:
    """There is no problem either."""
    source = FileSource(tmp_path, "shop", clock, readable_log.log, lambda: None)
    assert source.held(ORDERS) == Pending("has not been read yet")
