"""Volumes on disk."""

import stat
from pathlib import Path

import pytest

from aegis_local.kubelet.folders import private_folder, write_private, write_volume


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It replaces what was there, in one step, and leaves nothing else behind."""
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """The half-written file goes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "full").touch()
    with pytest.raises(OSError, match="a"):
        write_private(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_volume_holds_its_files_and_nothing_else(tmp_path: Path) -> None:
    """Names are links through `..data`, folders and files private, old versions gone."""
    folder = tmp_path / "v"
    assert write_volume(folder, {"a": b"1", "deep/b": b"2"})
    assert (folder / "a").read_bytes() == b"1"
    assert (folder / "deep" / "b").read_bytes() == b"2"
    assert mode((folder / "a").resolve()) == 0o600
    assert mode((folder / "deep").resolve()) == 0o700
    assert write_volume(folder, {"a": b"3", "c": b"4"})
    assert (folder / "a").read_bytes() == b"3"
    assert not (folder / "deep").exists()
    assert sorted(path.name for path in folder.iterdir() if path.is_symlink()) == ["..data", "a", "c"]
    assert len([path for path in folder.iterdir() if not path.is_symlink()]) == 1


def test_the_same_files_change_nothing(tmp_path: Path) -> None:
    """A reader that looks at the link sees no new version."""
    folder = private_folder(tmp_path / "v")
    write_volume(folder, {"a": b"1"})
    version = (folder / "..data").readlink()
    assert not write_volume(folder, {"a": b"1"})
    assert (folder / "..data").readlink() == version
