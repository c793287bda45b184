"""Volumes on disk, readable by their owner alone, and swapped whole as the real kubelet swaps them."""

import os
import shutil
import tempfile
from pathlib import Path

from aegis_local.kubelet.volumes import Files

_DATA = "..data"


def private_folder(path: Path) -> Path:
    """The folder, made if it is not there, for its owner only."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; it replaces what was there in one step."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_volume(folder: Path, files: Files) -> bool:
    """Make `folder` hold `files` and nothing else, in one step; says whether anything changed.

    The files lie in a folder of their own behind the link `..data`, and each name is a link through it: who follows
    the names sees the old set or the new one, never a mixture.
    """
    data = private_folder(folder) / _DATA
    if data.exists() and _read(data) == dict(files):
        return False
    fresh = Path(tempfile.mkdtemp(dir=folder, prefix="..version_"))  # made with mode 0700
    for name, content in files.items():
        private_folder((fresh / name).parent)
        write_private(fresh / name, content)
    old = data.resolve() if data.exists() else None
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    link.replace(data)
    tops = {Path(name).parts[0] for name in files}
    for top in tops:
        if not (folder / top).is_symlink():
            (folder / top).symlink_to(Path(_DATA) / top)
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name != _DATA and entry.name not in tops:
            entry.unlink()
    if old is not None:
        shutil.rmtree(old)
    return True


def _read(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}
