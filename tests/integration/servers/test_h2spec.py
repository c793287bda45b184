"""The conformance suite of HTTP/2 (github.com/summerwind/h2spec) against the proxy's ingress, as `aegis-proxy run`."""

import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from servers.build import programs
from support.proxy_process import ProxyProcess, policy, provider, rule
from support.recording_origin import RecordingOrigin

pytestmark = pytest.mark.servers

# (section, what it sends) of each case that the proxy does not do as RFC 7540 says, and why.
EXCEPTIONS = {
    # The port speaks HTTP/1.1 too, and there a refusal is always an answer: 400, and then the end.
    ("http2/3.5", "Sends invalid connection preface"),
    # RFC 9113 section 5.3.2 took priorities away: what they say is not looked at.
    ("http2/5.3.1", "Sends HEADERS frame that depend on itself"),
    ("http2/5.3.1", "Sends PRIORITY frame that depend on itself"),
}
# Of the version that the Go module proxy gives; fewer would mean that the suite did not run.
CASES = 145


@pytest.mark.timeout(180)
@pytest.mark.parametrize("flags", [(), ("--strict",)], ids=["usual", "strict"])
def test_every_case_of_h2spec_passes(flags: tuple[str, ...], tmp_path: Path) -> None:
    """But for the exceptions, each of which still is one; no case is left out."""
    h2spec = programs("h2spec")["h2spec"]
    report = tmp_path / "report.xml"
    resources = [provider(), policy(rule("all", ["GET", "HEAD", "POST"], "/", unauthenticated=True))]
    with RecordingOrigin() as origin:
        origin.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500)
        settings = ("--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}")
        with ProxyProcess(tmp_path, resources, *settings, "--ingress-protocol=http1") as proxy:
            command = [str(h2spec), "--port", str(proxy.ingress), "--timeout", "5", "--junit-report", str(report)]
            ran = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=150, check=False)
            proxy.check_log()
    outcomes: Counter[str] = Counter()
    failed = set()
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = "skipped" if case.find("skipped") is not None else "passed"
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
            failed.add((case.get("package"), case.get("classname")))
        outcomes[outcome] += 1
    assert failed == EXCEPTIONS, ran.stdout[-4000:]
    assert outcomes["skipped"] == 0
    assert outcomes.total() >= CASES
