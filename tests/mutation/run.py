"""Sends mutants to the proxy and says what it found.

    python tests/mutation/run.py --mutants 1000000 [--seed 0] [--of requests | responses | outbound | frames | peers]

Mutant number N is the same on every machine: a finding is seen again with `--seed N --mutants 1`. `outbound` are
requests of an app to the egress port, `frames` are HTTP/2. `peers` asks nginx and HAProxy about all that reaches the
app, over sockets; the others run in memory, in one process.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mutation.answers import answer_with
from mutation.differential import contest
from mutation.frames import FRAME_OPERATORS, FRAMES, frames_with_token
from mutation.judged import unexplained
from mutation.memory import TOKEN, MemoryProxy, memory_proxy, pieces_of
from mutation.messages import OUTBOUND, REQUESTS, RESPONSES, with_token
from mutation.operators import mutant
from mutation.oracle import findings, same
from mutation.origin import Crooked
from mutation.outbound import outbound_findings, outbound_proxy
from mutation.streams import same_streams, speak, stream_findings
from servers.build import say

PROGRESS_SECONDS = 10.0
# What a mutant came to, for the statistics, and what is wrong with that.
Verdict = tuple[str, list[str]]


def request_verdict(proxy: MemoryProxy, message: bytes, seed: int) -> Verdict:
    """Sends a request (or several) whole and in pieces, with the token in place."""
    data = with_token(message, TOKEN)
    try:
        whole, split = proxy.ask(data), proxy.ask(data, pieces_of(data, seed))
    except Crooked as crooked:
        return "crooked", [str(crooked)]
    found = [*findings(whole), *findings(split)]
    if not same(whole, split):
        found.append(f"O5: {whole.statuses} whole, {split.statuses} in pieces")
    return " ".join(map(str, whole.statuses[:2])) or "no answer", found


def response_verdict(proxy: MemoryProxy, message: bytes, seed: int) -> Verdict:
    """Has the app answer with these bytes: whole or in pieces, with the end of the connection or without."""
    pieces = pieces_of(message, seed) if seed & 1 else []
    method = b"HEAD" if seed % 7 == 0 else b"GET"
    try:
        first, found = answer_with(proxy, message, pieces, ends=bool(seed & 4), method=method, token=TOKEN)
    except Crooked as crooked:
        return "crooked", [str(crooked)]
    return f"{first.status}{'' if first.whole else ' broken off'}", found


def outbound_verdict(proxy: MemoryProxy, message: bytes, seed: int) -> Verdict:
    """Sends a request (or several) of the app whole and in pieces."""
    try:
        whole, split = proxy.ask(message), proxy.ask(message, pieces_of(message, seed))
    except Crooked as crooked:
        return "crooked", [str(crooked)]
    found = [*outbound_findings(whole, message), *outbound_findings(split, message)]
    if not same(whole, split) or whole.tunnels != split.tunnels:
        found.append(f"O5: {whole.statuses} whole, {split.statuses} in pieces")
    return " ".join(map(str, whole.statuses[:2])) or "no answer", found


def frames_verdict(proxy: MemoryProxy, message: bytes, seed: int) -> Verdict:
    """Sends frames of HTTP/2 whole and in pieces, with the token in place."""
    data = frames_with_token(message, TOKEN)
    try:
        whole, split = speak(proxy, data), speak(proxy, data, pieces_of(data, seed))
    except Crooked as crooked:
        return "crooked", [str(crooked)]
    found = [*stream_findings(whole), *stream_findings(split)]
    if not same_streams(whole, split):
        found.append(
            f"O5: {whole.goaway} {whole.outcome.targets} whole, {split.goaway} {split.outcome.targets} in pieces"
        )
    return "sound" if whole.goaway is None else f"GOAWAY {whole.goaway}", found


@contextmanager
def requests() -> Iterator[Callable[[int], tuple[bytes, Verdict]]]:
    with memory_proxy() as proxy:
        yield lambda seed: ((message := mutant(REQUESTS, seed)), request_verdict(proxy, message, seed))


@contextmanager
def responses() -> Iterator[Callable[[int], tuple[bytes, Verdict]]]:
    with memory_proxy() as proxy:
        yield lambda seed: ((message := mutant(RESPONSES, seed)), response_verdict(proxy, message, seed))


@contextmanager
def outbound() -> Iterator[Callable[[int], tuple[bytes, Verdict]]]:
    with outbound_proxy() as proxy:
        yield lambda seed: ((message := mutant(OUTBOUND, seed)), outbound_verdict(proxy, message, seed))


@contextmanager
def frames() -> Iterator[Callable[[int], tuple[bytes, Verdict]]]:
    with memory_proxy() as proxy:
        yield lambda seed: ((message := mutant(FRAMES, seed, FRAME_OPERATORS)), frames_verdict(proxy, message, seed))


@contextmanager
def peers() -> Iterator[Callable[[int], tuple[bytes, Verdict]]]:
    with contest() as judge:
        yield lambda seed: ((message := mutant(REQUESTS, seed)), judge(message))


KINDS = {"requests": requests, "responses": responses, "outbound": outbound, "frames": frames, "peers": peers}


def run(kind: str, first: int, count: int, *, report: Callable[[str], None], most: int = 20) -> int:
    """Tries mutants `first` to `first + count - 1`; gives the number of those with findings, reports `most` of them."""
    came_to: Counter[str] = Counter()
    bad, started = 0, time.monotonic()
    said = started
    with KINDS[kind]() as judge:
        for seed in range(first, first + count):
            message, (verdict, found) = judge(seed)
            came_to[verdict] += 1
            if found := unexplained(found, message):
                bad += 1
                if bad <= most:
                    report(json.dumps({"seed": seed, "found": found, "mutant": message.decode("latin-1")}))
            if time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                report(f"{seed - first + 1} of {count}, {bad} with findings")
    taken = time.monotonic() - started
    report(f"{kind}: {count} mutants from seed {first} in {taken:.0f} s, {bad} with findings")
    report(", ".join(f"{verdict}: {number}" for verdict, number in came_to.most_common(15)))
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", choices=KINDS, default="requests")
    asked = parser.parse_args()
    sys.exit(min(1, run(asked.of, asked.seed, asked.mutants, report=say)))


if __name__ == "__main__":
    main()
