"""An API server over plain sockets that knows a provider and a policy, and tells watches of its changes."""

import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import field, frozen

from aegis_api.resources import KINDS
from support.listings import bookmark, line, list_document
from support.proxy_process import policy, provider, rule
from support.recording_origin import Connection, RecordingOrigin

KINDS_BY_PLURAL = {kind.plural: name for name, kind in KINDS.items()}


def kubeconfig(folder: Path, url: str) -> Path:
    """A kubeconfig for it."""
    path = folder / "kubeconfig"
    path.write_text(
        "{current-context: c, contexts: [{name: c, context: {cluster: c}}], "
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}]}}"
    )
    return path


def stored(document: dict[str, Any], version: int) -> dict[str, Any]:
    """As the API server gives it out."""
    metadata = {**document["metadata"], "namespace": "shop", "uid": "u1", "resourceVersion": str(version)}
    return {**document, "metadata": metadata}


@frozen
class WatchedApi:
    """A provider, and a policy that lets GET one path; lists and watches on a recording server."""

    server: RecordingOrigin
    changed: threading.Condition = field(factory=threading.Condition)
    versions: list[str] = field(factory=list)
    """The paths that were allowed so far; the version of each is its number and 100."""

    def allow(self, path: str) -> None:
        with self.changed:
            self.versions.append(path)
            self.changed.notify_all()

    def policy(self) -> dict[str, Any]:
        return stored(policy(rule("only", ["GET"], self.versions[-1])), 100 + len(self.versions))

    def talk(self, connection: Connection) -> None:
        """One request for each connection."""
        head = connection.head()
        if head is None:
            return
        target = urlsplit(head.split(b" ")[1].decode())
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        kind = KINDS_BY_PLURAL[target.path.rpartition("/")[2]]
        if "watch" in query:
            self._watch(connection, kind, int(query["resourceVersion"]) - 100)
            return
        items = {"IngressPolicy": [self.policy()], "IdentityProvider": [stored(provider(), 1)]}.get(kind, [])
        body = json.dumps(list_document(100 + len(self.versions), *items, kind=kind)).encode()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)

    def _watch(self, connection: Connection, kind: str, known: int) -> None:
        """Tells of each change after version `known`: of the policy's, or that something else has changed."""
        more = connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while more and not connection.ended.is_set():
            with self.changed:
                if len(self.versions) <= known:
                    self.changed.wait(0.5)
            if len(self.versions) > known:
                known = len(self.versions)
                is_policy = kind == "IngressPolicy"
                document = self.policy() if is_policy else bookmark(100 + known, kind)
                event = line("MODIFIED" if is_policy else "BOOKMARK", document) + b"\n"
                more = connection.send(b"%x\r\n%b\r\n" % (len(event), event))
