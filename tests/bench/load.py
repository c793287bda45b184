"""What is asked of a contender: requests by wrk in a closed loop, or one long body."""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Literal, Protocol

from attrs import frozen

from bench.mesh import HOST, Mesh
from bench.processes import BenchError

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_LATENCY = re.compile(r"^ +(50|99)% +([0-9.]+)(us|ms|s|m) *$", re.MULTILINE)
_REQUESTS = re.compile(r"^ +([0-9]+) requests in ", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec: +([0-9.]+)$", re.MULTILINE)
_TROUBLE = re.compile(r"^ +(?:Non-2xx or 3xx responses|Socket errors): .*$", re.MULTILINE)

_ONCE = "  if sent > #requests then wrk.thread:stop() end\n  return requests[math.min(sent, #requests)]"
_AGAIN = "  return requests[(sent - 1) % #requests + 1]"

_PATIENCE = 60
# In which even a slow contender sees all tokens that are to come in turn.
_TURN_SECONDS, _TURNS = 5, 12
MIB = 2**20
GIB = 2**30


@frozen
class Target:
    """Who is asked, in whose mesh. `folder` is for files of this measurement."""

    port: int
    mesh: Mesh
    folder: Path


@frozen
class Done:
    """What was done: `units` at `rate` units a second. Latencies in milliseconds, None where there are none."""

    units: float
    rate: float
    p50: float | None = None
    p99: float | None = None


class Load(Protocol):
    @property
    def unit(self) -> Literal["request", "GiB"]:
        """What CPU time is counted for."""

    def warm_up(self, target: Target) -> None: ...
    def run(self, target: Target) -> Done:
        """Raises BenchError when an answer was none of those that were wanted."""


@frozen
class ClosedLoop:
    """wrk: each of `connections` sends its next request when it has its answer, so the proxy is saturated.

    One token for all; or with `fresh_tokens` one that was never seen before for each request, out of so many; or with
    `tokens_in_turn` so many, one after the other, which have all been seen in the warm-up.
    """

    connections: int = 32
    seconds: int = 4
    fresh_tokens: int = 0
    tokens_in_turn: int = 0
    unit: Literal["request"] = "request"

    def warm_up(self, target: Target) -> None:
        if not self.tokens_in_turn:
            self._wrk(target, 1, (target.mesh.token(),))
            return
        unseen = target.mesh.tokens(self.tokens_in_turn)
        for _ in range(_TURNS):
            seen = int(read_wrk(self._wrk(target, _TURN_SECONDS, unseen)).units)
            if seen >= len(unseen):
                return
            unseen = unseen[seen:]
        raise BenchError(f"{len(unseen)} tokens were still not seen after {_TURNS * _TURN_SECONDS} s")

    def run(self, target: Target) -> Done:
        mesh = target.mesh
        several = self.fresh_tokens or self.tokens_in_turn
        tokens = mesh.tokens(several) if several else (mesh.token(),)
        done = read_wrk(self._wrk(target, self.seconds, tokens))
        if self.fresh_tokens and done.units + self.connections >= self.fresh_tokens:
            raise BenchError(f"{self.fresh_tokens} fresh tokens are too few for {self.seconds} s")
        return done

    def _wrk(self, target: Target, seconds: int, tokens: tuple[str, ...]) -> str:
        listed, script = target.folder / "tokens", target.folder / "wrk.lua"
        listed.write_text("".join(f"{token}\n" for token in tokens))
        again = bool(self.tokens_in_turn)
        script.write_text(
            app_script() if target.mesh.outbound else wrk_script(str(listed), each_its_own=len(tokens) > 1, again=again)
        )
        url = f"http://127.0.0.1:{target.port}{target.mesh.path}"
        command = [shutil.which("wrk") or "wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--latency"]
        # wrk calls an answer that takes longer than its timeout an error; a slow contender is slow, not wrong.
        command += ["--timeout", f"{_PATIENCE}s", "-s", str(script), url]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + _PATIENCE)
        if ran.returncode:
            raise BenchError(f"wrk failed: {ran.stderr.strip() or ran.stdout.strip()}")
        return ran.stdout


def app_script() -> str:
    """Lua for wrk in the place of an app, which has no token."""
    return f'wrk.headers["Host"] = "{HOST}"\n'


def wrk_script(tokens: str, *, each_its_own: bool, again: bool = False) -> str:
    """Lua for wrk. `tokens` is a file with one in each line; they come this way because everybody can see a command.

    `each_its_own`: each request has the next of them, and behind the last one it ends, or with `again` begins anew.
    """
    if not each_its_own:
        return f'for token in io.lines("{tokens}") do wrk.headers["Authorization"] = "Bearer " .. token end\n'
    return f"""\
local requests, sent = {{}}, 0
function init(args)
  for token in io.lines("{tokens}") do
    wrk.headers["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format()
  end
end
function request()
  sent = sent + 1
{_AGAIN if again else _ONCE}
end
"""


def read_wrk(text: str) -> Done:
    """Reads what `wrk --latency` prints. Raises BenchError when an answer was bad: a refusal costs less."""
    trouble = [found.strip() for found in _TROUBLE.findall(text)]
    if trouble:
        raise BenchError(f"wrk did not get good answers only: {'; '.join(trouble)}")
    requests, rate = _REQUESTS.search(text), _RATE.search(text)
    latency = {percent: float(value) * _MILLISECONDS[unit] for percent, value, unit in _LATENCY.findall(text)}
    if not requests or not rate or set(latency) != {"50", "99"} or not int(requests[1]):
        raise BenchError(f"wrk printed what was not expected:\n{text}")
    return Done(int(requests[1]), float(rate[1]), latency["50"], latency["99"])


@frozen
class LongBody:
    """One body of `size` bytes, to the caller (`down`) or to the app (`up`), as fast as it goes."""

    direction: Literal["down", "up"]
    size: int = GIB
    unit: Literal["GiB"] = "GiB"

    def warm_up(self, target: Target) -> None:
        self._transfer(target, MIB)

    def run(self, target: Target) -> Done:
        started = time.monotonic()
        self._transfer(target, self.size)
        units = self.size / GIB
        return Done(units, units / (time.monotonic() - started))

    def _transfer(self, target: Target, size: int) -> None:
        path, down = f"{target.mesh.path}/{size}", self.direction == "down"
        length = 0 if down else size
        head = (
            f"{'GET' if down else 'POST'} {path} HTTP/1.1\r\nHost: app\r\nContent-Length: {length}\r\n"
            f"Authorization: Bearer {target.mesh.token()}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", target.port), timeout=60) as connection:
            connection.sendall(head.encode())
            block = bytes(MIB)
            for _ in range(length // MIB):
                connection.sendall(block)
            received = _read_answer(connection)
        if received != (size if down else 0):
            raise BenchError(f"{received} bytes of body arrived instead of {size if down else 0}")


def _read_answer(connection: socket.socket) -> int:
    """The length of the body of a 200 answer that says its length."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        if not more:
            raise BenchError("the connection was closed before the answer")
        head += more
    _, _, body = head.partition(b"\r\n\r\n")
    wanted = whole_length(head) - (len(head) - len(body))
    received, buffer = len(body), bytearray(MIB)
    while received < wanted:
        count = connection.recv_into(buffer)
        if not count:
            break
        received += count
    return received


def whole_length(answer: bytes) -> int:
    """How long an answer will be, whose head has come. Raises BenchError unless it is a 200 that says its length."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    if not head.startswith(b"HTTP/1.1 200 ") or not length:
        raise BenchError(f"got {head.splitlines()[0].decode('latin-1')}, wanted 200 with its length")
    return len(head) + 4 + int(length[1])
