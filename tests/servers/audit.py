"""What ServiceAccounts asked the API server, by its own audit log: who watches what, and who was refused."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # The controllers of the controller manager: much noise, and never what a test asks about.
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


@frozen
class AskedFor:
    """One audited request: its end, or for a watch also its start (`open`)."""

    id: str
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    status: int
    open: bool
    message: str
    """Why it was refused."""
    starting: bool
    """The API server was not ready yet: it knows no roles then, and refuses everybody but administrators."""


class AuditLog:
    """The audit log of one API server, in a folder of its own run; it goes on over restarts."""

    def __init__(self, folder: Path) -> None:
        self._policy = folder / "audit-policy.yaml"
        self._log = folder / "audit.log"
        self._policy.write_text(yaml.safe_dump(POLICY))
        self._log.touch(mode=0o600)
        self._starts: list[range] = []

    def flags(self) -> list[str]:
        """What kube-apiserver needs to write it."""
        return [f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}"]

    def position(self) -> int:
        """Now, as a place in the log: pass it to `since`."""
        return self._log.stat().st_size

    def since(self, position: int = 0) -> list[AskedFor]:
        """All that was asked from `position` on, oldest first."""
        found = []
        with self._log.open("rb") as log:
            log.seek(position)
            for line in log:
                if line.endswith(b"\n"):
                    starting = any(position in start for start in self._starts)
                    found.append(_asked_for(json.loads(line), starting))
                position += len(line)
        return found

    @contextmanager
    def starting(self) -> Iterator[None]:
        """In this block the API server starts; what is asked meanwhile is marked so."""
        position = self.position()
        yield
        self._starts.append(range(position, self.position()))

    def open_watches(self, user: str, position: int = 0) -> frozenset[AskedFor]:
        """The watches of `user` that were granted after `position` and have not ended."""
        watches = [asked for asked in self.since(position) if asked.verb == "watch" and asked.user == user]
        ended = {asked.id for asked in watches if not asked.open}
        return frozenset(asked for asked in watches if asked.open and asked.status == 200 and asked.id not in ended)


def _asked_for(event: dict[str, Any], starting: bool) -> AskedFor:
    about = event.get("objectRef", {})
    return AskedFor(
        id=event["auditID"],
        user=event["user"]["username"],
        verb=event["verb"],
        resource=about.get("resource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        status=event.get("responseStatus", {}).get("code", 0),
        open=event["stage"] == "ResponseStarted",
        message=event.get("responseStatus", {}).get("message", ""),
        starting=starting,
    )
