"""Counts, and the text that Prometheus reads (exposition format 0.0.4).

Labels come from configuration and from our own enumerations, never from a client: their number is bounded.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_TUNNELS = (
    ("tunnels", "Tunnels that have ended: upgraded, by CONNECT, or opaque."),
    ("tunnel_sent_bytes", "Bytes that clients sent through tunnels."),
    ("tunnel_received_bytes", "Bytes that clients received through tunnels."),
)

Labels = tuple[str, ...]
Sample = tuple[Mapping[str, str], float]
# Name, type, help and samples.
Family = tuple[str, str, str, Iterable[Sample]]


class Metrics:
    """`requests` is keyed by REQUEST_LABELS; durations run from a request's first byte to its answer's last."""

    REQUEST_LABELS = ("direction", "decision", "reason", "provider", "policy", "rule", "status_class")

    def __init__(self) -> None:
        self.requests: dict[Labels, int] = {}
        self.aborted: dict[str, int] = {}
        self._tunnels: dict[tuple[str, str], list[int]] = {}
        self._revoked: dict[tuple[str, str], int] = {}
        self._durations: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._sources: list[Callable[[], Iterable[Family]]] = []

    def count(self, labels: Labels) -> None:
        self.requests[labels] = self.requests.get(labels, 0) + 1

    def observe(self, direction: str, seconds: float) -> None:
        buckets = self._durations.get(direction)
        if buckets is None:
            buckets = self._durations[direction] = [0] * (len(_BOUNDS) + 1)
            self._sums[direction] = 0.0
        buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._sums[direction] += seconds

    def abort(self, direction: str) -> None:
        self.aborted[direction] = self.aborted.get(direction, 0) + 1

    def tunnel(self, direction: str, kind: str, sent: int, received: int) -> None:
        """`sent` and `received` are bytes, as the client sees them."""
        counts = self._tunnels.setdefault((direction, kind), [0, 0, 0])
        for index, more in enumerate((1, sent, received)):
            counts[index] += more

    def revoke(self, direction: str, reason: str) -> None:
        self._revoked[direction, reason] = self._revoked.get((direction, reason), 0) + 1

    def add_source(self, source: Callable[[], Iterable[Family]]) -> None:
        """`source` is asked at each scrape for what others count."""
        self._sources.append(source)

    def text(self) -> str:
        lines = _block(
            "aegis_requests_total",
            "counter",
            "Requests judged, by verdict.",
            ((dict(zip(self.REQUEST_LABELS, labels, strict=True)), count) for labels, count in self.requests.items()),
        )
        lines += _block(
            "aegis_exchanges_aborted_total",
            "counter",
            "Exchanges that ended before their response did.",
            (({"direction": direction}, count) for direction, count in self.aborted.items()),
        )
        for index, (name, meaning) in enumerate(_TUNNELS):
            counts = (
                ({"direction": direction, "kind": kind}, n[index]) for (direction, kind), n in self._tunnels.items()
            )
            lines += _block(f"aegis_{name}_total", "counter", meaning, counts)
        lines += _block(
            "aegis_streams_revoked_total",
            "counter",
            "Open requests and tunnels that were ended, for they would have been refused by now.",
            (({"direction": direction, "reason": reason}, n) for (direction, reason), n in self._revoked.items()),
        )
        lines += self._histogram()
        for source in self._sources:
            for name, kind, text, samples in source():
                lines += _block(name, kind, text, samples)
        return "\n".join(lines) + "\n"

    def _histogram(self) -> list[str]:
        name = "aegis_request_duration_seconds"
        lines = [
            f"# HELP {name} Time from the first byte of a request to the last of its answer.",
            f"# TYPE {name} histogram",
        ]
        for direction, buckets in self._durations.items():
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                lines.append(f'{name}_bucket{{direction="{direction}",le="{bound}"}} {total}')
            lines.append(f'{name}_sum{{direction="{direction}"}} {self._sums[direction]:.6f}')
            lines.append(f'{name}_count{{direction="{direction}"}} {total}')
        return lines


def _block(name: str, kind: str, text: str, samples: Iterable[Sample]) -> list[str]:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        lines.append(f"{name}{{{shown}}} {value!r}" if shown else f"{name} {value!r}")
    return lines


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
