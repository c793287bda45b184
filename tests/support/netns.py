"""Linux network namespaces of the test's own: a pod, and the world outside of it, joined by one cable. Needs root."""

import ctypes
import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

_CLONE_NEWNET = 0x40000000  # sched.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = itertools.count(1)


def run(*command: str) -> str:
    """Runs a command in the namespace of the calling thread; gives what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@frozen
class Namespace:
    """A network namespace, and its addresses on the cable."""

    name: str
    ipv4: str
    ipv6: str

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread opens or starts meanwhile lives in the namespace, and stays there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(Path("/run/netns") / self.name, os.O_RDONLY)
        try:
            _enter(there)
            yield
        finally:
            _enter(home)
            os.close(there)
            os.close(home)


def _enter(handle: int) -> None:
    if _LIBC.setns(handle, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def as_user(number: int) -> Iterator[None]:
    """Sockets that this thread opens meanwhile belong to that user, as the firewall sees it."""
    before = _LIBC.setfsuid(number)
    try:
        yield
    finally:
        _LIBC.setfsuid(before)


@contextmanager
def pod_and_world() -> Iterator[tuple[Namespace, Namespace]]:
    """Both ends of the cable; the pod's default route leads out."""
    mark = f"aegis-{os.getpid()}-{next(_NUMBERS)}"
    pod = Namespace(f"{mark}-pod", "10.77.0.2", "fd77::2")
    world = Namespace(f"{mark}-world", "10.77.0.1", "fd77::1")
    made = []
    try:
        for each in (pod, world):
            run("ip", "netns", "add", each.name)
            made.append(each)
        cable = ("ip", "link", "add", "eth0", "netns", pod.name, "type", "veth", "peer", "name", "eth0")
        run(*cable, "netns", world.name)
        for each in (pod, world):
            inside = ("ip", "-n", each.name)
            run(*inside, "address", "add", f"{each.ipv4}/24", "dev", "eth0")
            run(*inside, "address", "add", f"{each.ipv6}/64", "dev", "eth0", "nodad")
            run(*inside, "link", "set", "lo", "up")
            run(*inside, "link", "set", "eth0", "up")
        for gateway in (world.ipv4, world.ipv6):
            run("ip", "-n", pod.name, "route", "add", "default", "via", gateway)
        yield pod, world
    finally:
        for each in made:
            run("ip", "netns", "delete", each.name)
