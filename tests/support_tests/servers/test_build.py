"""Building servers: the key changes with what is built, and with nothing else."""

import os
from pathlib import Path

import pytest

from servers import build

GO_MOD = """module example.test/tools

go 1.26.0

require k8s.io/kubernetes v1.36.3

require (
	k8s.io/api v0.36.3 // indirect
)
"""


def test_key_covers_versions_checksums_and_flags() -> None:
    """A change of go.mod, go.sum or the link flags gives another key; the same input gives the same."""
    keys = {
        build.cache_key(GO_MOD, "sum", "-s"),
        build.cache_key(GO_MOD.replace("v1.36.3", "v1.36.4"), "sum", "-s"),
        build.cache_key(GO_MOD, "sum2", "-s"),
        build.cache_key(GO_MOD, "sum", "-s -w"),
    }
    assert len(keys) == 4
    assert build.cache_key(GO_MOD, "sum", "-s") == build.cache_key(GO_MOD, "sum", "-s")


def test_key_parts_do_not_run_together() -> None:
    """Moving a character from one part to the next changes the key."""
    assert build.cache_key("ab", "c", "") != build.cache_key("a", "bc", "")


def test_kubernetes_is_told_its_version() -> None:
    """The link flags hold the version that go.mod requires."""
    tools = build.ToolSet("x", {}, stamped_module="k8s.io/kubernetes")
    flags = build.link_flags(tools, GO_MOD)
    assert "version.gitVersion=v1.36.3 " in flags
    assert "version.gitMajor=1 " in flags
    assert flags.endswith("version.gitMinor=36")


def test_versions_are_read_in_both_forms_of_require() -> None:
    """A `require` line and a line of a `require (...)` block both count."""
    assert build.module_version(GO_MOD, "k8s.io/kubernetes") == "v1.36.3"
    assert build.module_version(GO_MOD, "k8s.io/api") == "v0.36.3"


def test_missing_module_is_named() -> None:
    """A module that go.mod lacks gives an error with the remedy."""
    with pytest.raises(build.BuildError, match=r"does not require example\.test/none"):
        build.module_version(GO_MOD, "example.test/none")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("go1.26.8", (1, 26, 8)), ("1.26", (1, 26, 0)), ("go1.27rc1", (1, 27, 0)), ("devel go1.27-abc", (1, 27, 0))],
)
def test_go_versions_compare_as_numbers(text: str, numbers: tuple[int, ...]) -> None:
    """Every form in which Go says its version becomes three numbers."""
    assert build.version_numbers(text) == numbers


def test_old_go_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go that is older than go.mod wants is named, with what to install."""
    _fake_go(tmp_path, monkeypatch, 'echo "go1.20.1"')
    with pytest.raises(build.BuildError, match=r"is go1.20.1, wanted 1\.\d+\.\d+ or newer: install Go"):
        build.programs("etcd")


def test_missing_go_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Go the error says what to install."""
    monkeypatch.setenv("AEGIS_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.BuildError, match="`go` is not on PATH: install Go"):
        build.programs("etcd")


def test_program_is_built_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call builds into the cache; the second finds the program there and builds nothing."""
    _fake_go(
        tmp_path, monkeypatch, 'if [ $1 = env ]; then echo go9.9.9; else for last; do :; done; echo "$last" > "$6"; fi'
    )
    lines: list[str] = []
    first = build.programs("etcd", report=lines.append)
    second = build.programs("etcd", report=lines.append)
    assert first == second
    assert first["etcd"].read_text() == "go.etcd.io/etcd/server/v3\n"
    assert first["etcd"].is_relative_to(tmp_path / "cache" / "tools")
    assert len(lines) == 1
    assert lines[0].startswith("building etcd")
    assert [path.name for path in first["etcd"].parent.iterdir()] == ["etcd"]


def test_failed_build_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed build gives the compiler's words, and no half-written program."""
    _fake_go(
        tmp_path, monkeypatch, 'if [ $1 = env ]; then echo go9.9.9; else echo x > "$6"; echo no such thing; exit 1; fi'
    )
    with pytest.raises(build.BuildError, match="no such thing"):
        build.programs("etcd", report=lambda _: None)
    assert [path.name for path in (tmp_path / "cache").rglob("*etcd") if path.is_file()] == []


def test_unknown_program_is_refused() -> None:
    """The error lists what can be built."""
    with pytest.raises(build.BuildError, match=r"unknown program 'nonesuch'; known are: .*kube-apiserver"):
        build.programs("nonesuch")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "/home/u/.cache/aegis"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/aegis"),
        ({"XDG_CACHE_HOME": "/x", "AEGIS_CACHE": "/y"}, "/y"),
        ({"AEGIS_CACHE": ""}, "/home/u/.cache/aegis"),
    ],
)
def test_cache_lies_outside_the_checkout(environment: dict[str, str], folder: str) -> None:
    """AEGIS_CACHE comes first, then XDG_CACHE_HOME, then the home directory."""
    assert build.cache_folder(environment, Path("/home/u")) == Path(folder)


def _fake_go(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    go = folder / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    monkeypatch.setenv("AEGIS_CACHE", str(folder / "cache"))
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
