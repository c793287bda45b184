"""The checks, on a stage that answers as a test wants. Their success on the real mesh is test_demo.py."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from aegis_local.demo import checks
from aegis_local.demo.checks import NO_TOKEN
from aegis_local.demo.requests import Answer, Request
from aegis_local.demo.stage import Stage
from aegis_local.demo.table import Row
from support.on_reactor import on_reactor, reactor


class Machine:
    """What the checks ask of a machine."""

    def __init__(self, folder: Path) -> None:
        self.reactor = reactor
        self.state = folder


class Mesh:
    """A stage whose services give one answer, and whose API says what a test wants."""

    def __init__(self, folder: Path, answer: Answer | Exception, refusal: str | None = None, pod: Any = None) -> None:
        self.machine = Machine(folder)
        self.api = self
        self.credentials = {b"signature-of-a-token"}
        self.sent: list[tuple[str, Request]] = []
        self._answer = answer
        self._refusal = refusal
        self._pod = pod

    async def token(self, account: str, service: str) -> str:
        return f"{account} for {service}"

    async def send(self, request: Request) -> Answer:
        self.sent.append(("", request))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    async def send_through(self, pod: str, request: Request) -> Answer:
        self.sent.append((pod, request))
        return await self.send(request)

    async def refusal_of(self, pod: Any) -> str | None:
        return self._refusal

    async def get(self, *_: Any) -> Any:
        return self._pod

    async def find(self, *_: Any) -> Any:
        return self._pod

    async def delete(self, *_: Any) -> None:
        """Deleted."""

    async def remove_pod(self, name: str) -> None:
        """Removed."""

    def remember_credentials(self) -> None:
        """They are known."""


def row(mesh: Mesh, check: checks.Check) -> Row:
    return on_reactor(cast(Coroutine[Any, Any, Row], check.run(cast(Stage, mesh))))


OK = Answer(200, "", b'{"service": "chain01"}')


def test_a_request_carries_the_token_of_its_account_for_the_service(tmp_path: Path) -> None:
    """Or for another audience, or none."""
    mesh = Mesh(tmp_path, OK)
    assert row(mesh, checks.request("GET", "200 chain01", "chain01", account="me")).ok
    row(mesh, checks.request("GET", "200 chain01", "chain01", account="me", audience="chain02", path="/x"))
    row(mesh, checks.request("GET", "200 chain01", "chain01", method="POST"))
    assert [request.token for _, request in mesh.sent] == ["me for chain01", "me for chain02", None]
    assert [request.method for _, request in mesh.sent] == ["GET", "GET", "POST"]
    assert mesh.sent[1][1].path == "/x"
    assert {request.host for _, request in mesh.sent} == {"chain01.demo.svc"}


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (Answer(403, "", b""), "403"),
        (ConnectionRefusedError(), "no answer: ConnectionRefusedError"),
        (LookupError("none"), "no answer: LookupError"),
    ],
)
def test_another_answer_fails_the_check(tmp_path: Path, answer: Answer | Exception, got: str) -> None:
    """The row shows what came, and which log tells more."""
    check = checks.request("GET", "200 chain01", "chain01")
    assert row(Mesh(tmp_path, answer), check) == Row("GET", "200 chain01", got, False)
    assert check.logs == (("chain01", "aegis-proxy"),)


def test_requests_by_a_sidecar_name_the_whole_url(tmp_path: Path) -> None:
    """As an app with HTTP_PROXY sends them."""
    mesh = Mesh(tmp_path, Answer(401, "Bearer", b""))
    assert row(mesh, checks.outgoing("GET", NO_TOKEN, "chain01", "chain03")).ok
    pod, sent = mesh.sent[0]
    assert (pod, sent.path, sent.token) == ("chain01", "http://chain03.demo.svc/", None)


def test_the_forged_token_claims_to_be_the_visitor(tmp_path: Path) -> None:
    """A mesh that lets it in fails the check."""
    assert not row(Mesh(tmp_path, OK), checks.garbage()).ok
    assert row(Mesh(tmp_path, Answer(401, "Bearer", b"")), checks.garbage()).ok


def test_a_change_that_does_not_come_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while."""
    monkeypatch.setattr(checks, "_CHANGE_SECONDS", 0.2)
    found = row(Mesh(tmp_path, OK), checks.policy_deleted())
    assert not found.ok
    assert found.got == "200 chain01, after 0 s still"
    assert row(Mesh(tmp_path, Answer(403, "", b"")), checks.policy_deleted()).ok
    assert row(Mesh(tmp_path, Answer(503, "", b"")), checks.identity_deleted()).ok
    assert row(Mesh(tmp_path, OK), checks.rights_pruned()).ok
    assert row(Mesh(tmp_path, OK, pod={"still": "there"}), checks.rights_pruned()).got == "still there"


PLAIN: dict[str, Any] = {"metadata": {}, "spec": {"containers": [{"name": "app"}]}}


@pytest.mark.parametrize(
    ("pod", "refusal", "got"),
    [
        (PLAIN, None, "left alone"),
        ({**PLAIN, "spec": {**PLAIN["spec"], "initContainers": [{}]}}, None, "changed"),
        ({**PLAIN, "spec": {**PLAIN["spec"], "volumes": [{}]}}, None, "changed"),
        ({**PLAIN, "metadata": {"labels": {"aegisproxy.io/injected": "true"}}}, None, "changed"),
        (PLAIN, "the webhook is away", "the webhook is away"),
    ],
)
def test_a_plain_pod_must_stay_as_it_is(tmp_path: Path, pod: Any, refusal: str | None, got: str) -> None:
    """No sidecar, no volume, no label."""
    found = row(Mesh(tmp_path, OK, refusal, pod), checks.plain_pod())
    assert (found.got, found.ok) == (got, got == "left alone")


@pytest.mark.parametrize(
    ("refusal", "ok"),
    [
        ('metadata.annotations[aegisproxy.io/ingress.port]: got "80a", wanted ports', True),
        ("the webhook is away", False),
        (None, False),
    ],
)
def test_a_bad_annotation_must_be_refused_by_name(tmp_path: Path, refusal: str | None, ok: bool) -> None:
    """Any other refusal does not count."""
    assert row(Mesh(tmp_path, OK, refusal), checks.bad_annotation()).ok is ok


def test_a_token_in_a_log_fails_the_check(tmp_path: Path) -> None:
    """The row names the log."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text("nothing")
    assert row(Mesh(tmp_path, OK), checks.no_secrets()).ok
    (tmp_path / "logs" / "b.log").write_text("Bearer a.b.signature-of-a-token")
    assert row(Mesh(tmp_path, OK), checks.no_secrets()).got == "found in b.log"
