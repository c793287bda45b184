"""List and watch, on the embedded API and its faults."""

from pathlib import Path
from typing import Any

import pytest

from aegis_local.client.api import Api, Collection
from aegis_local.client.resources import CONFIG_MAPS, Key, Object, key_of
from aegis_local.client.watching import Cache, Change, Follow
from aegis_local.kube.embedded import EmbeddedKubernetes
from aegis_local.tasks import Tasks
from support.local_cluster import eventually, inject, on_api
from support.on_reactor import reactor

WATCHED = Collection(CONFIG_MAPS, "test", label_selector="watched=yes")


def config_map(name: str, **data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "test", "labels": {"watched": "yes"}},
        "data": data,
    }


class Diary:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    async def replaced(self, objects: list[Object]) -> None:
        self.lines.append(["list", *(key_of(obj).name for obj in objects)])

    async def changed(self, change: Change, obj: Object) -> None:
        self.lines.append((change, key_of(obj).name))


def test_changes_come_after_the_list_and_one_by_one(tmp_path: Path) -> None:
    """Those that the selector does not match are not heard of."""

    async def work(_: EmbeddedKubernetes, api: Api) -> list[Any]:
        diary, tasks = Diary(), Tasks()
        await api.apply(config_map("a"))
        tasks.start("watch", Follow(reactor, api, WATCHED, diary).run())
        await eventually(lambda: len(diary.lines) == 1, "the list")
        await api.apply(config_map("a", k="1"))
        await api.apply(config_map("b"))
        await api.delete(CONFIG_MAPS, Key("test", "b"))
        await eventually(lambda: len(diary.lines) == 4, "the changes")
        tasks.cancel()
        return diary.lines

    assert on_api(tmp_path, work) == [["list", "a"], ("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "b")]


def test_a_watch_that_breaks_goes_on_where_it_was(tmp_path: Path) -> None:
    """Without a new list: what happened meanwhile is heard of."""

    async def work(_: EmbeddedKubernetes, api: Api) -> list[Any]:
        diary, tasks = Diary(), Tasks()
        tasks.start("watch", Follow(reactor, api, WATCHED, diary).run())
        await eventually(lambda: bool(diary.lines), "the list")
        await api.apply(config_map("a"))
        await eventually(lambda: len(diary.lines) == 2, "the watch")
        await inject(api, "drop-watches")
        await api.apply(config_map("b"))
        await eventually(lambda: len(diary.lines) == 3, "the change")
        tasks.cancel()
        return diary.lines

    assert on_api(tmp_path, work) == [["list"], ("ADDED", "a"), ("ADDED", "b")]


@pytest.mark.parametrize("faults", [("expire-watches",), ("drop-watches", "compact")])
def test_after_a_gap_there_is_a_new_list(tmp_path: Path, faults: tuple[str, ...]) -> None:
    """Both when the watch itself ends with 410, and when it cannot be begun again."""

    async def work(_: EmbeddedKubernetes, api: Api) -> list[Any]:
        diary, tasks = Diary(), Tasks()
        tasks.start("watch", Follow(reactor, api, WATCHED, diary).run())
        await eventually(lambda: bool(diary.lines), "the list")
        await api.apply(config_map("a"))
        await eventually(lambda: len(diary.lines) == 2, "the watch")
        await inject(api, faults[0])
        await api.apply(config_map("b"))
        for fault in faults[1:]:
            await inject(api, fault)
        await eventually(lambda: ["list", "a", "b"] in diary.lines, "the new list")
        tasks.cancel()
        return diary.lines

    assert on_api(tmp_path, work) == [["list"], ("ADDED", "a"), ["list", "a", "b"]]


def test_a_cache_holds_what_is_there_and_tells_of_what_changed(tmp_path: Path) -> None:
    """A new list tells only of differences."""

    async def work(_: EmbeddedKubernetes, api: Api) -> tuple[list[str], list[str]]:
        cache, tasks, told = Cache(), Tasks(), list[str]()
        await api.apply(config_map("a"))
        tasks.start("watch", Follow(reactor, api, WATCHED, cache).run())
        await eventually(lambda: cache.synced, "the list")
        await api.apply(config_map("b"))
        await eventually(lambda: len(cache.objects) == 2, "the watch")
        cache.listen(lambda key: told.append(key.name))
        await inject(api, "drop-watches")
        await api.delete(CONFIG_MAPS, Key("test", "a"))
        await api.apply(config_map("c"))
        await inject(api, "compact")
        await eventually(lambda: [key.name for key in cache.objects] == ["b", "c"], "the new list")
        await api.delete(CONFIG_MAPS, Key("test", "c"))
        await eventually(lambda: len(cache.objects) == 1, "the deletion")
        tasks.cancel()
        return sorted(told), [key.name for key in cache.objects]

    assert on_api(tmp_path, work) == (["a", "c", "c"], ["b"])
