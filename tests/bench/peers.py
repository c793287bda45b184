"""The contenders. Each turns a mesh into its own configuration, and says how it is started and when it is ready."""

import importlib.util
import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Protocol

import yaml
from attrs import frozen
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import envoy_config, haproxy_config
from bench.mesh import HOST, METHODS, OUTSIDE, Mesh, ask
from servers.processes import free_port
from support.proxy_process import Resource, resource

NAMESPACE, IDENTITY = "shop", "identity01"
# IngressPolicy holds 256 at most.
RULES_PER_POLICY = 250


@frozen
class Launch:
    """`ready` is the request whose 200 says that it is ready: port, path and token."""

    command: tuple[str | Path, ...]
    port: int
    ready: tuple[int, str, str | None]

    def is_ready(self) -> bool:
        answer = ask(*self.ready)
        return answer is not None and answer.status == 200


class Peer(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def program(self) -> Path | None:
        """None: it is not installed."""

    @property
    def install(self) -> str:
        """The command that installs it."""

    def version(self) -> str: ...
    def prepare(self, folder: Path, mesh: Mesh, origin: int) -> Launch:
        """Writes the configuration into `folder`. `origin` is the port of the app behind it."""


def which(name: str) -> Path | None:
    """Where a program is, None if it is not installed."""
    # Debian keeps haproxy where only root's PATH looks.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def first_line(program: Path | None, flag: str) -> str:
    """What a program says of its version."""
    if program is None:
        return "not installed"
    said = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    return next((line.strip() for line in (said.stdout + said.stderr).splitlines() if line.strip()), "unknown")


@frozen
class Aegis:
    name: str = "Aegis"
    install: str = "uv sync"

    @property
    def program(self) -> Path | None:
        script = Path(sysconfig.get_path("scripts")) / "aegis-proxy"
        return script if script.exists() else None

    def version(self) -> str:
        head = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
        return f"Aegis {head.stdout.strip()}"

    def prepare(self, folder: Path, mesh: Mesh, origin: int) -> Launch:
        resources = folder / "mesh.yaml"
        documents = aegis_resources(mesh)
        resources.write_text(yaml.dump_all(documents, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
        port, admin = free_port(), free_port()
        policies = [each["metadata"]["name"] for each in documents if each["kind"] == "IngressPolicy"]
        command = (
            *(self.program or "aegis-proxy", "run", "--resources", resources, "--namespace", NAMESPACE),
            *("--provider", "corp", "--policy", ",".join(policies), "--ingress-upstream", f"127.0.0.1:{origin}"),
            *("--ingress-listen", f"127.0.0.1:{port}", "--egress-listen", "127.0.0.1:0"),
            *("--admin-listen", f"127.0.0.1:{admin}", "--ingress-protocol", "h2c" if mesh.h2c else "auto"),
        )
        return Launch(command, port, (admin, "/ready", None))


@frozen
class AegisOut(Aegis):
    """The way out: requests of an app to `HOST` get a token that has been had already; those to `OUTSIDE` get none."""

    def prepare(self, folder: Path, mesh: Mesh, origin: int) -> Launch:
        provider = resource(
            "IdentityProvider", "corp", type="kubernetes", audience=mesh.audience, config={"issuer": mesh.issuer}
        )
        identity = resource("Identity", IDENTITY, provider="corp")
        resources, token, hosts = folder / "mesh.yaml", folder / "token", folder / "hosts"
        resources.write_text(yaml.safe_dump_all([provider, identity]))
        token.write_text(mesh.token())
        hosts.write_text("".join(f"{host}:80 127.0.0.1:{origin}\n" for host in (HOST, OUTSIDE)))
        port, admin = free_port(), free_port()
        command = (
            *(self.program or "aegis-proxy", "run", "--resources", resources, "--namespace", NAMESPACE),
            *("--identity", IDENTITY, "--token-file", token, "--connect-to-file", hosts, "--ingress-listen", ""),
            *("--egress-listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}"),
        )
        return Launch(command, port, (admin, "/ready", None))


def aegis_resources(mesh: Mesh) -> list[Resource]:
    """The provider `corp` with its keys inline, and as many IngressPolicies as the rules need."""
    config = {"issuer": mesh.issuer, "jwks": {"keys": [mesh.key.jwk()]}}
    rules = [
        {"name": f"r{number}", "identities": [IDENTITY], "methods": list(METHODS), "paths": [prefix]}
        for number, prefix in enumerate(mesh.prefixes)
    ]
    parts = [rules[start : start + RULES_PER_POLICY] for start in range(0, len(rules), RULES_PER_POLICY)]
    return [
        resource("IdentityProvider", "corp", type="oidc", audience=mesh.audience, config=config),
        *(resource("IngressPolicy", f"policy{number}", rules=part) for number, part in enumerate(parts)),
    ]


@frozen
class HAProxy:
    name: str = "HAProxy"
    install: str = "apt-get install haproxy"

    @property
    def program(self) -> Path | None:
        return which("haproxy")

    def version(self) -> str:
        return first_line(self.program, "-v").partition(" - ")[0].replace(" version", "")

    def prepare(self, folder: Path, mesh: Mesh, origin: int) -> Launch:
        config, key, port = folder / "haproxy.cfg", folder / "key.pem", free_port()
        key.write_bytes(mesh.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        config.write_text(haproxy_config.proxy(mesh, str(key), port, origin))
        command = (self.program or "haproxy", "-db", "-f", config)
        return Launch(command, port, (port, mesh.path, f"Bearer {mesh.token()}"))


@frozen
class Envoy:
    """`cached_tokens` is the size of its cache of verified tokens; 0 is its default, none."""

    name: str = "Envoy"
    cached_tokens: int = 0
    install: str = "uv sync --group bench"

    @property
    def program(self) -> Path | None:
        package = importlib.util.find_spec("envoy")
        folders = package.submodule_search_locations if package else None
        # The package's own command is a Python program that starts this one.
        return Path(folders[0]) / "_bin" / "envoy" if folders else None

    def version(self) -> str:
        words = first_line(self.program, "--version").split("version:")[-1].strip().split("/")
        return f"Envoy {words[1]}" if len(words) > 1 else words[0]

    def prepare(self, folder: Path, mesh: Mesh, origin: int) -> Launch:
        config, port = folder / "envoy.json", free_port()
        config.write_text(json.dumps(envoy_config.bootstrap(mesh, port, origin, self.cached_tokens)))
        command = (
            *(self.program or "envoy", "--config-path", config, "--concurrency", "1"),
            *("--disable-hot-restart", "--log-level", "warning"),
        )
        return Launch(command, port, (port, mesh.path, f"Bearer {mesh.token()}"))
