"""The way out in process, for `bench.stack`: an egress side that has a token at hand, and a file that says where to."""

import atexit
import time
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from aegis_api.hosts import HostPattern
from aegis_api.identity import Identity
from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.shell.egress import EgressSide
from aegis_proxy.shell.own_listeners import OwnListeners
from aegis_proxy.shell.pod_files import PodFiles
from aegis_proxy.shell.resolver import ConnectTo, Resolver
from aegis_proxy.shell.token_source import Binding, TokenSource
from bench.mesh import HOST, OUTSIDE, Mesh
from bench.peers import IDENTITY, NAMESPACE
from support.scripted_provider import Lowest, ScriptedHttp, ScriptedPlugin, scripted_provider

_LOG: Any = SimpleNamespace(info=lambda *_, **__: None)


def way_out(mesh: Mesh, app: tuple[str, int]) -> EgressSide:
    """Requests to HOST go to `app` with the token of the mesh's caller, those to OUTSIDE without one."""
    identity = Identity(Metadata(IDENTITY, NAMESPACE), "corp", IDENTITY, hosts=(HostPattern("*.svc"),))
    snapshot = Snapshot(1, identity=identity, audience=mesh.audience)
    control: Any = SimpleNamespace(snapshot=snapshot, tokens=_tokens(mesh))
    return EgressSide(control, _resolver(app), NAMESPACE, OwnListeners(), lambda _: None)


def _tokens(mesh: Mesh) -> TokenSource:
    plugin = ScriptedPlugin()
    files = PodFiles(Path("nowhere"), Path("nowhere"))
    tokens = TokenSource(files, ScriptedHttp(), Clock(), time.time, _LOG, Lowest(), Counter())
    tokens.bind(Binding(scripted_provider(plugin), Subject.parse(mesh.subject), lambda: mesh.issuer))
    tokens.pin(mesh.audience)
    plugin.answer(mesh.token().encode())
    return tokens


def _resolver(app: tuple[str, int]) -> Resolver:
    """As `--connect-to-file` has it."""
    hosts = _folder() / "hosts"
    hosts.write_text("".join(f"{host}:80 {app[0]}:{app[1]}\n" for host in (HOST, OUTSIDE)))
    return Resolver(None, time.monotonic, ConnectTo(hosts))


@cache
def _folder() -> Path:
    """It lasts as long as this process, for the file is looked at again and again."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)
