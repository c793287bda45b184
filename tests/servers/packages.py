"""Real servers that come from package registries, ready made: Keycloak from Maven Central, oidc-provider from npm.

    python -m servers.packages      (with tests/ on PYTHONPATH)

Each lies in `CACHE/tools/NAME-KEY`, outside the checkout, with CACHE as in `servers.build`; the key covers all that it
is made from, so that a changed version is fetched and an unchanged one never is.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from servers.build import MODULES, BuildError, Report, cache_folder, only_build_of, say, wait_for

KEYCLOAK = "org.keycloak:keycloak-quarkus-dist:26.5.0:tar.gz"
# What must be settled when Keycloak is put together. Done once here, it starts in a third of the time.
KEYCLOAK_BUILD = (
    "--db=dev-mem",
    "--cache=local",
    "--features=client-auth-federated,kubernetes-service-accounts",
)
OIDC_PROVIDER_FILES = ("package.json", "package-lock.json", "server.mjs")

Make = Callable[[Path, Report], None]


def keycloak(report: Report = say) -> Path:
    """The folder of Keycloak, built with `KEYCLOAK_BUILD`. Raises BuildError."""
    return _made("keycloak", "\0".join((KEYCLOAK, *KEYCLOAK_BUILD)), _make_keycloak, report)


def oidc_provider(report: Report = say) -> Path:
    """The folder in which `node server.mjs` runs. Raises BuildError."""
    source = MODULES / "oidc-provider"
    content = "\0".join((source / name).read_text() for name in OIDC_PROVIDER_FILES)
    return _made("oidc-provider", content, _make_oidc_provider, report)


def _made(name: str, content: str, make: Make, report: Report) -> Path:
    cache = cache_folder(os.environ, Path.home()) / "tools"
    folder = cache / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    ready = folder / "ready"
    if ready.exists():
        return folder
    locks = cache / "packages"  # of their own: a fetch need not wait for a compiler
    locks.mkdir(parents=True, exist_ok=True)
    with only_build_of(locks, name, report):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a broken-off run left
            folder.mkdir()
            make(folder, report)
            ready.touch()
    return folder


def _make_keycloak(folder: Path, report: Report) -> None:
    maven = _program("mvn", "the Debian package maven")
    _program("java", "the Debian package openjdk-17-jre-headless")
    with tempfile.TemporaryDirectory() as scratch:
        fetch = ("-q", "-B", "dependency:get", "-Dtransitive=false", f"-Dartifact={KEYCLOAK}")
        _run((maven, *fetch), Path(scratch), "fetching Keycloak", report)
        copy = ("-q", "-B", "dependency:copy", f"-Dartifact={KEYCLOAK}", f"-DoutputDirectory={scratch}")
        _run((maven, *copy), Path(scratch), "copying Keycloak", report)
        (archive,) = Path(scratch).glob("*.tar.gz")
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    for part in list(unpacked.iterdir()):
        part.rename(folder / part.name)
    unpacked.rmdir()
    _run((str(folder / "bin" / "kc.sh"), "build", *KEYCLOAK_BUILD), folder, "building Keycloak", report)


def _make_oidc_provider(folder: Path, report: Report) -> None:
    npm = _program("npm", "the Debian packages nodejs and npm (Node 20 or newer)")
    for name in OIDC_PROVIDER_FILES:
        shutil.copy(MODULES / "oidc-provider" / name, folder)
    _run((npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"), folder, "installing oidc-provider", report)


def _program(name: str, where: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BuildError(f"`{name}` is not on PATH; the tests' identity providers need it: install {where}")
    return found


def _run(command: Sequence[str], folder: Path, what: str, report: Report) -> None:
    report(f"{what} (once per version, kept outside the checkout)")
    environment: Mapping[str, str] = os.environ | {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx768m"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: process.poll() is not None, what, report)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            output.seek(0)
            raise BuildError(f"{what}: `{' '.join(command)}` failed:\n{output.read()[-4000:]}")


def main() -> None:
    """Fetch what is missing."""
    try:
        say(f"keycloak: {keycloak()}")
        say(f"oidc-provider: {oidc_provider()}")
    except BuildError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
