"""Ports and paths of a pod, in the terms of this machine. Pure."""

import re
from collections.abc import Mapping

# The addresses under which a pod reaches its own ports, and the ports of probes that a sidecar reads as JSON.
_OWN_ADDRESS = re.compile(r"(?<![\w.:-])(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]):(?P<port>\d{1,5})(?![\w])")
_JSON_PORT = re.compile(r'(?P<before>"port":\s*)(?P<port>\d{1,5})(?=\s*[,}])')
_PORT_VARIABLE = re.compile(r"(?:.*_)?PORT")


def with_ports(text: str, ports: Mapping[int, int]) -> str:
    """The text with the pod's own addresses (`0.0.0.0:8080`, `localhost:8080`, ...) as `127.0.0.1:` and the local port.

    Ports that the pod does not have stay as they are.
    """

    def address(found: re.Match[str]) -> str:
        local = ports.get(int(found["port"]))
        return found[0] if local is None else f"127.0.0.1:{local}"

    def json_port(found: re.Match[str]) -> str:
        local = ports.get(int(found["port"]))
        return found[0] if local is None else f"{found['before']}{local}"

    return _JSON_PORT.sub(json_port, _OWN_ADDRESS.sub(address, text))


def with_mounts(text: str, mounts: Mapping[str, str]) -> str:
    """The text with mount paths at its start, or after an `=`, as the folders that stand for them.

    `mounts` maps a mount path to a folder; the longest path that fits wins, and only whole segments fit.
    """
    if not mounts:
        return text
    paths = sorted((path.rstrip("/") for path in mounts), key=len, reverse=True)
    pattern = re.compile(rf"(?P<before>^|=)(?P<path>{'|'.join(map(re.escape, paths))})(?=/|$|[\s,:])")
    folders = {path.rstrip("/"): folder for path, folder in mounts.items()}
    return pattern.sub(lambda found: found["before"] + folders[found["path"]], text)


def rewritten_variable(name: str, value: str, ports: Mapping[int, int], mounts: Mapping[str, str]) -> str:
    """The value of an environment variable; one named PORT or *_PORT may hold a port alone."""
    if _PORT_VARIABLE.fullmatch(name) and value.isascii() and value.isdecimal():
        return str(ports.get(int(value), value))
    return with_mounts(with_ports(value, ports), mounts)


def rewritten_argument(argument: str, ports: Mapping[int, int], mounts: Mapping[str, str]) -> str:
    """An element of `command` or `args`."""
    return with_mounts(with_ports(argument, ports), mounts)
