"""Section 9 of the attack catalogue: two real proxies, through success and every kind of failure, at the highest log
level. Then everything that they wrote, and everything that others can see of them, is searched for their secrets.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from attrs import field, frozen

from aegis_idp.conformance.loopback import Answer, HangUp
from support import h2_wire as wire
from support.mesh import RULES
from support.oidc_server import Client, OidcServer
from support.proxy_process import ProxyProcess, policy, provider, resource
from support.raw_client import RawClient
from support.recording_origin import Connection, RecordingOrigin
from support.secret_search import leaks
from support.waiting import eventually

ME = "system:serviceaccount:shop:identity01"
PASSWORD = "client-password-" + os.urandom(12).hex()
BASIC = base64.b64encode(f"{quote_plus(ME)}:{PASSWORD}".encode()).decode()  # RFC 6749 section 2.3.1

PLUGIN = '''
from aegis_idp.values import SecretKey
from aegis_idp_oidc import PLUGIN as REAL

class Leaky:
    """Raises what no plugin should, and quotes secrets in it."""
    settings, makes_objects, pod_needs = REAL.settings, REAL.makes_objects, REAL.pod_needs
    provision, deprovision, trust = REAL.provision, REAL.deprovision, REAL.trust

    async def acquire(self, settings, request, http):
        password = request.secret(SecretKey("client", "password")).reveal()
        raise ZeroDivisionError(f"the password is {password}")

    def subject(self, settings, claims):
        raise TypeError(str(claims))

PLUGIN = Leaky()
'''


@frozen
class Said:
    """What is searched: texts by where they come from, and the secrets that must be in none of them."""

    texts: dict[str, str] = field(factory=dict)
    secrets: list[str] = field(factory=lambda: [PASSWORD, BASIC])

    def found(self) -> list[str]:
        return [f"{name}: {leak}" for name, text in self.texts.items() for leak in leaks(text, self.secrets)]


@frozen
class Pair:
    """`caller` sends what its app asks for to `callee`, with tokens of `server`; the names *.shop.svc lead there."""

    server: OidcServer
    caller: ProxyProcess
    callee: ProxyProcess
    origin: RecordingOrigin
    said: Said

    def call(self, host: str, *lines: str, method: str = "GET", target: str = "/public", body: bytes = b"") -> int:
        """Through both proxies."""
        head = "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()
        return self._status(self.caller.egress, head + body)

    def ask(self, *lines: str, method: str = "GET", target: str = "/public", body: bytes = b"") -> int:
        """At the callee itself."""
        head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: a", *lines, "", ""]).encode()
        return self._status(self.callee.ingress, head + body)

    def _status(self, port: int, data: bytes) -> int:
        with RawClient(port) as client:
            answer = client.send(data).answer()
        self.said.texts.setdefault("answers", "")
        self.said.texts["answers"] += (answer.head + answer.body).decode("latin-1")
        return answer.status


def names_of(folder: Path, port: int) -> Path:
    hosts = folder / "hosts"
    hosts.write_text("".join(f"s{number}.shop.svc:80 127.0.0.1:{port}\n" for number in range(20)))
    return hosts


def identity(**config: Any) -> list[dict[str, Any]]:
    settings = {
        "grant": "client_credentials",
        "clientId": "system:serviceaccount:{namespace}:{name}",
        "clientSecret": {"name": "client", "key": "password"},
    }
    spec = {"audience": "aegis", "audiencePerDestination": True}
    return [
        resource("IdentityProvider", "idp", type="oidc", config={**config, **settings}, **spec),
        resource("IdentityProvider", "leaky", type="leaky", config={**config, **settings}, **spec),
        resource("Identity", "identity01", provider="idp"),
        resource("Identity", "leaky", provider="leaky"),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the client's Secret, and a plugin that leaks on the path of modules."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "client").mkdir()
    (folder / "client" / "password").write_text(PASSWORD)
    (folder / "plugin" / "leaky-1.dist-info").mkdir(parents=True)
    (folder / "plugin" / "leaky.py").write_text(PLUGIN)
    (folder / "plugin" / "leaky-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: leaky\nVersion: 1\n"
    )
    (folder / "plugin" / "leaky-1.dist-info" / "entry_points.txt").write_text("[aegis.idp]\nleaky = leaky:PLUGIN\n")
    return folder


@pytest.fixture(scope="module")
def pair(folder: Path) -> Iterator[Pair]:
    """At the end, all that was said is searched: of no secret twelve characters in a row."""
    said = Said()
    audiences = frozenset(f"s{number}.shop.svc" for number in range(20))
    with OidcServer((Client(ME, PASSWORD),), audiences) as server, RecordingOrigin() as origin:
        issue = server.token

        def issued(*arguments: Any, **named: Any) -> str:
            token = issue(*arguments, **named)
            said.secrets.append(token)
            return token

        server.token = issued  # type: ignore[method-assign]  # the same, and remembered
        resources = [*identity(issuer=server.issuer), policy(*RULES)]
        both = ["--log-level=debug", "--access-log", "--ingress-protocol=http1"]
        own = folder / "callee"
        own.mkdir()
        to_app = ["--provider=idp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}"]
        with ProxyProcess(own, resources, *to_app, "--egress-listen=", *both) as callee:
            flags = ["--identity=identity01", "--ingress-listen=", f"--secrets-dir={folder}"]
            hosts = f"--connect-to-file={names_of(folder, callee.ingress)}"
            with ProxyProcess(folder, resources, *flags, hosts, *both) as caller:
                yield Pair(server, caller, callee, origin, said)
                for name, proxy in (("caller", caller), ("callee", callee)):
                    proxy.stop()
                    assert proxy.wait() == 0
                    said.texts[f"{name} log"] = "".join(proxy.lines + proxy.errors)
                    assert '"event":"stopped"' in said.texts[f"{name} log"]
    assert said.found() == []


def test_s01_s03_a_call_shows_its_token_to_nobody(pair: Pair) -> None:
    """Not to the app, whatever it may send back, and not to the client."""
    pair.origin.reset()
    pair.origin.answer(
        lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.head) + request.head
    )
    assert pair.call("s0.shop.svc") == 200
    assert pair.call("s0.shop.svc", "Content-Length: 3", method="POST", target="/upload", body=b"abc") == 200
    assert len([secret for secret in pair.said.secrets if secret.count(".") == 2]) == 1
    pair.said.texts["app"] = "".join(connection.data.decode("latin-1") for connection in pair.origin.connections)
    assert "X-Aegis-Identity: " + ME in pair.said.texts["app"]


def test_s01_refusals_by_the_callee(pair: Pair) -> None:
    """With good tokens in wrong places, and wrong ones in the right place."""
    good = pair.server.token(ME, "s0.shop.svc")
    bearer = f"Authorization: Bearer {good}"
    head, payload, signature = good.split(".")
    wrong = [
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}",
        pair.server.token(ME, "s0.bank.svc"),
        pair.server.token("system:serviceaccount:shop:other", "s0.shop.svc", seconds=-100),
        pair.server.token("*", "s0.shop.svc"),
        pair.server.token(ME, "s0.shop.svc", {"cnf": {"jkt": "x"}}),
        pair.server.token(ME, "s0.shop.svc", {"nbf": "later"}),
        good * 30,
    ]
    assert {pair.ask(f"Authorization: Bearer {token}") for token in wrong} == {401}
    stranger = pair.server.token("system:serviceaccount:shop:other", "s0.shop.svc")
    assert pair.ask(f"Authorization: Bearer {stranger}") == 403
    assert pair.ask(bearer, target="/admin") == 403
    assert pair.ask(f"Authorization: Basic {good}") == 401
    assert pair.ask(target=f"/public?access_token={good}") == 401
    assert pair.ask(f"Cookie: t={good}") == 401
    assert pair.ask(target=f"/{good}") == 401
    assert pair.ask(bearer, target=f"/{good}") == 403
    assert pair.ask(bearer, bearer) == 400
    assert pair.ask(f"{good}: x") == 401
    assert pair.ask(f"Bad Header: {good}") == 400
    assert pair.ask(bearer, f"Transfer-Encoding: {good}") == 501
    assert pair.ask(bearer, f"Expect: {good}", "Content-Length: 1", method="POST") == 417
    assert pair.ask(bearer, method=good[:20]) in (400, 403)
    assert pair.ask(bearer, target="*") == 400
    with RawClient(pair.callee.ingress) as client:
        client.send(f"{good}\r\n\r\n".encode())
        assert client.answer().status == 400
    with RawClient(pair.callee.ingress) as client:
        fields = [*wire.GET, (b"authorization", b"Bearer " + wrong[0].encode())]
        client.send(wire.PREFACE + wire.SETTINGS + wire.headers(1, fields) + wire.headers(3, [(good.encode(), b"")]))
        client.finish()
        pair.said.texts["http2"] = client.rest().decode("latin-1")
    eventually(lambda: "wrong_audience" in pair.callee.metrics() and "sender_constrained" in pair.callee.metrics())


def broken_in_the_middle(connection: Connection) -> None:
    connection.head()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")


def test_s01_troubles_of_the_app(pair: Pair) -> None:
    """Answers that are none, and that break off."""
    for number, script in enumerate((broken_in_the_middle, lambda connection: connection.head())):
        pair.origin.reset()
        pair.origin.serve(script)
        if number:
            assert pair.call("s0.shop.svc") == 502
        else:
            with pytest.raises((EOFError, ConnectionResetError)):
                pair.call("s0.shop.svc")
    eventually(lambda: pair.caller.of("aborted") and pair.callee.of("aborted"))


def fault(name: str, pair: Pair) -> Answer:
    """An answer of the token endpoint that quotes what it was asked with."""
    quoting = f"{PASSWORD} {BASIC} {pair.said.secrets[-1]}"
    match name:
        case "refused":
            return Answer.json(400, {"error": "invalid_client", "error_description": f"not {quoting}"})
        case "odd-code":
            return Answer.json(401, {"error": quoting, "error_description": {"x": quoting}})
        case "html":
            return Answer(200, f"<html>{quoting}</html>".encode(), {"content-type": "text/html"})
        case "overloaded":
            return Answer(503, quoting.encode(), {"retry-after": "1"})
        case "redirect":
            return Answer(302, b"", {"location": f"http://127.0.0.1:1/?{quoting}"})
        case "no-token":
            return Answer.json(200, {"access_token": quoting, "token_type": "Bearer"})
        case "wrong-token":
            wrong = pair.server.token("system:serviceaccount:shop:somebody", "elsewhere")
            return Answer.json(200, {"access_token": wrong, "token_type": "Bearer", "expires_in": 600})
        case "expired-token":
            old = pair.server.token(ME, "aegis", seconds=-1000)
            return Answer.json(200, {"access_token": old, "token_type": "Bearer", "expires_in": 600})
    raise HangUp


FAULTS = [
    "refused",
    "odd-code",
    "html",
    "overloaded",
    "redirect",
    "no-token",
    "wrong-token",
    "expired-token",
    "hang-up",
]


def test_s01_troubles_of_the_provider(pair: Pair) -> None:
    """Whatever it answers, its words are not told with secrets in them."""
    answer_by = pair.server
    for number, name in enumerate(FAULTS, 1):
        answer_by.fault = lambda path, name=name: fault(name, pair) if path == "/token" else None  # type: ignore[misc]  # mypy cannot type defaults of a lambda
        assert pair.call(f"s{number}.shop.svc") == 503, name
    answer_by.fault = lambda _: None
    problems = {event["problem"] for event in eventually(lambda: enough(pair.caller.of("no token")))}
    assert len(problems) > 5


def enough(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return events if len({event["audience"] for event in events}) >= len(FAULTS) else []


def test_s01_s02_tracebacks_of_a_plugin_that_quotes_secrets(pair: Pair, folder: Path, tmp_path: Path) -> None:
    """A plugin's own defects: where they are is told, and what they say is not."""
    good = pair.server.token(ME, "s0.shop.svc", {"private": "claim-" + PASSWORD})
    flags = ["--identity=leaky", "--provider=leaky", "--policy=orders", f"--secrets-dir={folder}", "--log-level=debug"]
    to = [f"--connect-to-file={folder / 'hosts'}", f"--ingress-upstream=127.0.0.1:{pair.origin.port}"]
    resources = [*identity(issuer=pair.server.issuer), policy(*RULES)]
    environment = {"PYTHONPATH": str(folder / "plugin")}
    with ProxyProcess(tmp_path, resources, *flags, *to, environment=environment, wait=False) as proxy:
        eventually(lambda: proxy.of("snapshot")[-1]["closed"] is None)
        with RawClient(proxy.egress) as client:
            assert client.send(b"GET / HTTP/1.1\r\nHost: s0.shop.svc\r\n\r\n").answer().status == 503
        with RawClient(proxy.ingress) as client:
            client.send(f"GET /public HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {good}\r\n\r\n".encode())
            assert client.answer().status == 401
        assert "plugin_failed" in proxy.metrics()
        (defect,) = eventually(lambda: proxy.of("a token could not be had: defect"))
        assert "ZeroDivisionError" in defect["error"]
        assert eventually(lambda: proxy.of("refused"))
        pages = "".join(proxy.admin(page).body.decode() for page in ("/metrics", "/snapshot", "/ready"))
    assert leaks("".join(proxy.lines + proxy.errors) + pages, pair.said.secrets) == []


def test_s09_the_admin_port_tells_no_secret_and_takes_no_orders(pair: Pair) -> None:
    """Each page, and what a curious or angry neighbour may ask."""
    for name, proxy in (("caller", pair.caller), ("callee", pair.callee)):
        for page in ("/live", "/ready", "/metrics", "/snapshot"):
            answer = proxy.admin(page)
            assert answer.status == 200
            pair.said.texts[f"{name} {page}"] = (answer.head + answer.body).decode()
        for path in ("/", "/config", "/config_dump", "/quitquitquit", "/shutdown", "/debug/pprof", "/env", "/stats"):
            assert proxy.admin(path).status == 404
        for method in ("POST", "PUT", "DELETE"):
            for path in ("/live", "/snapshot", "/quitquitquit", "/shutdown"):
                assert proxy.admin(path, method).status in (404, 405)
        assert proxy.process.poll() is None


def seen_by_others(process: int, name: str) -> str:
    """A file of /proc (proc(5)); empty where not even this user may read it."""
    try:
        return (Path("/proc") / str(process) / name).read_bytes().decode("latin-1")
    except PermissionError:
        return ""


def test_s05_s08_nothing_of_it_is_in_the_process_table(pair: Pair) -> None:
    """Arguments, environment, limits and open files, as others see them."""
    for name, proxy in (("caller", pair.caller), ("callee", pair.callee)):
        pid = proxy.process.pid
        for file in ("cmdline", "environ", "comm", "status"):
            pair.said.texts[f"{name} {file}"] = seen_by_others(pid, file)
        assert "--identity=identity01" in seen_by_others(pair.caller.process.pid, "cmdline")
        limits = (Path("/proc") / str(pid) / "limits").read_text()
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]


HOOK = """
import os, sys

def report(event, arguments):
    written = False
    if event == "open":
        path, mode, flags = arguments
        written = path != "/dev/null" and isinstance(path, str) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.remove") or "tempfile" in event:
        written = True
    if written:
        os.write(2, f"WRITES {event} {arguments}\\n".encode())

sys.addaudithook(report)
"""


def test_s10_nothing_is_written_to_disk(tmp_path: Path) -> None:
    """From start to end, with large bodies both ways: every opening of a file is watched (PEP 578).

    Python's own cache of compiled modules is in the image. The proxy on a root file system that cannot be written to is
    in tests/integration/netns.
    """
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    environment = {"PYTHONPATH": str(tmp_path / "hook"), "PYTHONDONTWRITEBYTECODE": "1"}
    with RecordingOrigin() as origin:
        large = os.urandom(1 << 20)
        origin.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) + large)
        rules = policy({"name": "all", "unauthenticated": True, "methods": ["POST"], "paths": ["/"]})
        flags = ["--provider=corp", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", "--access-log"]
        with ProxyProcess(tmp_path, [provider(), rules], *flags, environment=environment) as proxy:
            with RawClient(proxy.ingress) as client:
                head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(large)
                assert client.send(head + large).answer().body == large
            assert proxy.admin("/snapshot").status == 200
            proxy.stop()
            assert proxy.wait() == 0
        assert origin.requests[0].body == large
    assert proxy.errors == []


def test_s10_the_watch_on_files_can_fail(tmp_path: Path) -> None:
    """A process that writes is told."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    text = f"open({str(tmp_path / 'x')!r}, 'w').close()"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("WRITES open")
