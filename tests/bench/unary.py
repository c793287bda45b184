"""gRPC's unary calls as load: h2load, which speaks HTTP/2 without TLS."""

import re
import shutil
import subprocess
from typing import Literal

from attrs import frozen

from bench.load import Done, Target
from bench.processes import BenchError

# Behind the path of the mesh: by its ending the origin knows the type of its answer.
CALL = ".grpc"
ANSWER = b"\0" + (1024).to_bytes(4, "big") + b"x" * 1024
_MESSAGE = b"\0" + (128).to_bytes(4, "big") + b"y" * 128

_RATE = re.compile(r"^finished in [0-9.]+m?s, ([0-9.]+) req/s", re.MULTILINE)
_REQUESTS = re.compile(r"^requests: .* ([0-9]+) done, ([0-9]+) succeeded, ([0-9]+) failed, ", re.MULTILINE)
_BODIES = re.compile(r"^traffic: .* \(([0-9]+)\) data$", re.MULTILINE)


@frozen
class Unary:
    """Each of `connections` has `streams` calls under way, and begins the next when one has its answer."""

    connections: int = 4
    streams: int = 8
    seconds: int = 4
    unit: Literal["request"] = "request"

    def warm_up(self, target: Target) -> None:
        self._h2load(target, 1)

    def run(self, target: Target) -> Done:
        printed, log = self._h2load(target, self.seconds)
        return read_h2load(printed, log)

    def _h2load(self, target: Target, seconds: int) -> tuple[str, str]:
        message, log = target.folder / "message", target.folder / "h2load.log"
        message.write_bytes(_MESSAGE)
        log.unlink(missing_ok=True)
        url = f"http://127.0.0.1:{target.port}{target.mesh.path}{CALL}"
        # h2load takes fields from its command line alone; this token is good for nothing but this run.
        fields = (f"authorization: Bearer {target.mesh.token()}", "content-type: application/grpc", "te: trailers")
        command = [shutil.which("h2load") or "h2load", "-t1", f"-c{self.connections}", f"-m{self.streams}"]
        command += [f"-D{seconds}", f"--data={message}", f"--log-file={log}", *(f"-H{each}" for each in fields), url]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
        if ran.returncode:
            raise BenchError(f"h2load failed: {ran.stderr.strip() or ran.stdout.strip()}")
        return ran.stdout, log.read_text()


def read_h2load(printed: str, log: str) -> Done:
    """Reads what h2load prints, and its log: start, status and duration in microseconds of each call.

    Raises BenchError when an answer was bad. One that refuses a gRPC call has the status 200, too, but no message.
    """
    rate, requests, bodies = _RATE.search(printed), _REQUESTS.search(printed), _BODIES.search(printed)
    if not rate or not requests or not bodies or not int(requests[1]):
        raise BenchError(f"h2load printed what was not expected:\n{printed}")
    done, succeeded, failed = (int(number) for number in requests.groups())
    if succeeded != done or failed:
        raise BenchError(f"h2load did not get good answers only: {requests[0]}")
    if int(bodies[1]) < done * len(ANSWER):
        raise BenchError(f"h2load got {done} answers, but not the message of each: {bodies[0]}")
    times = sorted(int(line.split("\t")[2]) for line in log.splitlines())
    p50, p99 = (times[len(times) * percent // 100] / 1000 for percent in (50, 99))
    return Done(done, float(rate[1]), p50, p99)
