"""Section 11 of the attack catalogue: what was wrong in the Go prototype, on real sockets.

X07, X10 and X12 are in test_attacks_headers.py, X08 and X09 in test_attacks_targets.py, X11 in test_attacks_egress.py,
X24 (deadlines) in virtual time in shell/test_server.py, X25 also in shell/test_main.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mesh import Mesh, request
from support.proxy_process import ProxyProcess, policy, provider, rule, token
from support.raw_client import RawClient
from support.recording_origin import RecordingOrigin
from support.waiting import eventually

EVERYTHING = rule("all", ["*"], "/")


@pytest.fixture
def origin() -> Iterator[RecordingOrigin]:
    with RecordingOrigin() as running:
        yield running


def status(proxy: ProxyProcess, data: bytes) -> int:
    with RawClient(proxy.ingress) as client:
        return client.send(data).answer().status


def flags(origin: RecordingOrigin, *more: str) -> list[str]:
    return ["--provider=corp", f"--ingress-upstream=127.0.0.1:{origin.port}", *more]


def test_x01_what_no_rule_matches_is_denied(mesh: Mesh) -> None:
    """A good token is no permit."""
    assert status(mesh.proxy, request(b"/nothing")) == 403
    assert mesh.origin.requests == []


def test_x02_x26_who_is_in_no_rule_is_denied(mesh: Mesh) -> None:
    """By its subject, whatever else it is."""
    for subject in ("shop:other", "bank:identity01", "shop:identity011", "shop:identity0"):
        other = b"Authorization: Bearer " + token(sub=f"system:serviceaccount:{subject}")
        assert status(mesh.proxy, request(b"/public", other, auth=False)) == 403
    assert mesh.origin.requests == []


def test_x03_x04_without_its_policy_all_is_denied(tmp_path: Path, origin: RecordingOrigin) -> None:
    """Missing at the start, and deleted later; the pod is not ready."""
    with ProxyProcess(tmp_path, [provider()], *flags(origin, "--policy=orders"), wait=False) as proxy:
        assert status(proxy, request(b"/public")) == 403
        proxy.apply(provider(), policy(EVERYTHING))
        eventually(lambda: status(proxy, request(b"/public")) == 200)
        proxy.apply(provider())
        eventually(lambda: status(proxy, request(b"/public")) == 403)
        assert proxy.admin("/ready").status == 503
        proxy.apply(provider(), policy(EVERYTHING), policy(EVERYTHING, name="other"))
        eventually(lambda: status(proxy, request(b"/public")) == 200)
        proxy.apply(provider(), policy())
        eventually(lambda: status(proxy, request(b"/public")) == 403)
        proxy.check_log()


def test_x05_x22_a_pod_without_policy_denies_and_ends_cleanly(tmp_path: Path, origin: RecordingOrigin) -> None:
    """Any token is not enough; nothing falls over at the end."""
    with ProxyProcess(tmp_path, [provider(), policy(EVERYTHING)], *flags(origin)) as proxy:
        assert status(proxy, request(b"/public")) == 403
        assert status(proxy, request(b"/public", auth=False)) == 401
        proxy.stop()
        assert proxy.wait() == 0
        assert proxy.errors == []
        proxy.check_log()


def test_x23_a_refusal_tells_nothing(mesh: Mesh) -> None:
    """401 and 403 are what they are, with a decision that only the log explains."""
    wrong = b"Authorization: Bearer " + token(aud="other")
    for data, expected in ((request(b"/admin"), 403), (request(b"/public", wrong, auth=False), 401)):
        with mesh.client() as client:
            answer = client.send(data).answer()
        assert answer.status == expected
        for inside in (b"orders", b"public", b"audience", b"aud", b"issuer", b"corp", b"k1", b"identity01"):
            assert inside not in answer.body
    assert 'decision="deny",reason="wrong_audience"' in mesh.proxy.metrics()


def test_x23_the_log_says_who_was_refused(mesh: Mesh) -> None:
    """The caller whose token was good, under the decision that the answer names."""
    subject = "system:serviceaccount:shop:who-was-refused"
    with mesh.client() as client:
        other = b"Authorization: Bearer " + token(sub=subject)
        decision = json.loads(client.send(request(b"/public", other, auth=False)).answer().body)["decision"]
    known = eventually(lambda: [event for event in mesh.proxy.of("refused") if event["decision"] == decision])
    assert (known[0]["reason"], known[0]["identity"]) == ("not_allowed", subject)


def test_x25_health_needs_no_token(mesh: Mesh) -> None:
    """Where a rule says so, and nowhere else."""
    assert status(mesh.proxy, request(b"/healthz", auth=False)) == 200
    assert status(mesh.proxy, request(b"/healthz/x", auth=False)) == 401
