"""The real command `aegis-proxy run`, as a process beside a recording origin, with resources from a file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from aegis_api.resources import API_VERSION
from support.raw_client import Answer, RawClient
from support.secret_search import leaks, search
from support.tokens import AUDIENCE, ISSUER, SigningKey, claims, mint, signing_key
from support.waiting import eventually

Resource = dict[str, Any]


def resource(kind: str, name: str, **spec: object) -> Resource:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def provider(*keys: SigningKey, **config: object) -> Resource:
    """The IdentityProvider `corp`, whose key set is inline."""
    jwks = {"keys": [key.jwk() for key in keys or (signing_key(),)]}
    issuer = {"issuer": ISSUER, "jwks": jwks, **config}
    return resource("IdentityProvider", "corp", type="oidc", audience=AUDIENCE, config=issuer)


def policy(*rules: Mapping[str, object], name: str = "orders", **spec: object) -> Resource:
    return resource("IngressPolicy", name, rules=list(rules), **spec)


def rule(name: str, methods: Sequence[str], *paths: str, **more: object) -> Resource:
    """A rule for the caller identity01, unless `more` says who."""
    who = {} if more.keys() & {"identities", "unauthenticated"} else {"identities": ["identity01"]}
    return {"name": name, "methods": list(methods), "paths": list(paths), **who, **more}


def token(**changes: object) -> bytes:
    """A token of the caller shop/identity01 that is good for an hour from now."""
    return signed(signing_key(), **changes)


def signed(key: SigningKey, **changes: object) -> bytes:
    """The same, signed with another key."""
    now = int(time.time())
    return mint(key, claims(**{"iat": now, "nbf": now, "exp": now + 3600, **changes}))


class ProxyProcess:
    """`with ProxyProcess(folder, resources, flags) as proxy:` runs it until ready.

    `folder` gets the file of resources (None: there is none), `python` is the interpreter that has it. `events` is the
    log so far, oldest first.
    """

    def __init__(
        self,
        folder: Path,
        resources: Sequence[Resource] | None,
        *flags: str,
        wait: bool = True,
        python: str = sys.executable,
        environment: Mapping[str, str] = {},
    ) -> None:
        self.resources = folder / "mesh.yaml"
        self._python = python
        self._flags = flags
        if resources is not None:
            self.apply(*resources)
            self._flags = (f"--resources={self.resources}", *flags)
        self._wait = wait
        self._environment = environment
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._bound: dict[str, Any] = {}

    def apply(self, *resources: Resource) -> None:
        """Writes the file of resources, whole."""
        partial = self.resources.with_suffix(".partial")
        partial.write_text(yaml.safe_dump_all(resources))
        partial.replace(self.resources)

    def __enter__(self) -> Self:
        command = [self._python, "-m", "aegis_proxy", "run", "--namespace", "shop"]
        listen = [f"--{name}-listen=127.0.0.1:0" for name in ("ingress", "egress", "admin")]
        self._process = subprocess.Popen(
            [*command, *listen, *self._flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AEGIS_")},
                **self._environment,
            },
        )
        for stream, kept in ((self._process.stdout, self.lines), (self._process.stderr, self.errors)):
            reader = threading.Thread(target=kept.extend, args=(stream,), daemon=True)
            reader.start()
            self._readers.append(reader)
        try:
            eventually(self._listening)
            if self._wait:
                eventually(lambda: self.admin("/ready").status == 200)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _listening(self) -> bool:
        assert self.process.poll() is None, f"the proxy ended: {self.errors}"
        self._bound = next(iter(self.of("listening")), {})
        return bool(self._bound)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._end()

    def _end(self) -> int:
        code = self.process.wait(30)
        for reader in self._readers:
            reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        search(f"the proxy {self.resources.parent.name}", "".join(self.lines + self.errors))
        return code

    @property
    def process(self) -> "subprocess.Popen[str]":
        assert self._process is not None
        return self._process

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        return self._end()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines) if f'"event":"{event}"' in line]

    def _port(self, name: str) -> int:
        return int(self._bound[name].rpartition(":")[2])

    @property
    def ingress(self) -> int:
        return self._port("ingress")

    @property
    def egress(self) -> int:
        return self._port("egress")

    @property
    def admin_port(self) -> int:
        return self._port("admin")

    def admin(self, path: str, method: str = "GET") -> Answer:
        with RawClient(self.admin_port) as client:
            client.send(f"{method} {path} HTTP/1.1\r\nHost: admin\r\n\r\n".encode())
            return client.answer(method=method.encode())

    def metrics(self) -> str:
        return self.admin("/metrics").body.decode()

    def resident(self) -> int:
        """Resident memory in bytes (Linux: proc(5))."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def open_files(self) -> int:
        """As it counts them itself, for it keeps others from looking: the connection that asks is one of them."""
        (line,) = [line for line in self.metrics().splitlines() if line.startswith("aegis_open_files ")]
        return int(line.split()[1])

    def check_log(self) -> None:
        """O4: no defect, and no token."""
        text = "".join(self.lines + self.errors)
        bad = [line for line in text.splitlines() if '"level":"error"' in line or "Traceback" in line]
        assert bad == []
        assert leaks(text) == []
