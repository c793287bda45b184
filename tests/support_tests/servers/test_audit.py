"""Reading an audit log: what was asked since when, which watches are open, and what came while the server started."""

import json
from pathlib import Path
from typing import Any

import pytest

from servers.audit import AuditLog

USER = "system:serviceaccount:aegis-system:aegis-events"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def written(folder: Path, audit_id: str, stage: str = "ResponseComplete", **event: Any) -> None:
    """One line as kube-apiserver writes it."""
    line = {
        "auditID": audit_id,
        "stage": stage,
        "verb": "watch",
        "user": {"username": USER},
        "objectRef": {"resource": "identities"},
        "responseStatus": {"code": 200},
    }
    with (folder / "audit.log").open("a") as log:
        log.write(json.dumps(line | event) + "\n")


def test_only_what_came_later_counts(folder: Path) -> None:
    """A position is a place in the log; a line that is being written is not read yet."""
    log = AuditLog(folder)
    written(folder, "before")
    position = log.position()
    written(folder, "after", responseStatus={"code": 403, "message": "no"})
    with (folder / "audit.log").open("a") as file:
        file.write('{"auditID": "half')
    (found,) = log.since(position)
    assert (found.id, found.status, found.message) == ("after", 403, "no")
    assert [item.id for item in log.since()] == ["before", "after"]


def test_what_came_during_a_start_is_marked(folder: Path) -> None:
    """Also when it is read from a later position."""
    log = AuditLog(folder)
    written(folder, "before")
    position = log.position()
    with log.starting():
        written(folder, "during")
    written(folder, "after")
    assert [(item.id, item.starting) for item in log.since()] == [("before", False), ("during", True), ("after", False)]
    assert [item.starting for item in log.since(position)] == [True, False]


def test_open_watches_are_those_that_were_granted_and_go_on(folder: Path) -> None:
    """A refused one never opened, and an ended one is over."""
    log = AuditLog(folder)
    written(folder, "open", "ResponseStarted")
    written(folder, "refused", "ResponseStarted", responseStatus={"code": 403})
    written(folder, "ended", "ResponseStarted")
    written(folder, "ended")
    written(folder, "another's", "ResponseStarted", user={"username": "somebody"})
    assert {watch.id for watch in log.open_watches(USER)} == {"open"}
