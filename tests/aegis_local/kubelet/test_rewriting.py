"""Ports and paths of a pod in the terms of this machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_local.kubelet.rewriting import rewritten_argument, rewritten_variable, with_mounts, with_ports

PORTS = {8080: 20001, 3128: 20002}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", "127.0.0.1:20001"),
        ("0.0.0.0:8080", "127.0.0.1:20001"),
        ("localhost:8080", "127.0.0.1:20001"),
        ("[::]:8080", "127.0.0.1:20001"),
        ("[::1]:8080", "127.0.0.1:20001"),
        ("http://127.0.0.1:3128", "http://127.0.0.1:20002"),
        ("http://localhost:8080/a?b=localhost:3128", "http://127.0.0.1:20001/a?b=127.0.0.1:20002"),
        ("--listen=0.0.0.0:8080,127.0.0.1:3128", "--listen=127.0.0.1:20001,127.0.0.1:20002"),
        ('{"app/readiness": {"port": 8080, "path": "/"}}', '{"app/readiness": {"port": 20001, "path": "/"}}'),
        ('{"port":3128}', '{"port":20002}'),
    ],
)
def test_own_addresses_become_local_ones(text: str, expected: str) -> None:
    """Each spelling of the pod's own address with a port of the pod is rewritten."""
    assert with_ports(text, PORTS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:9090",
        "10.127.0.0.1:8080",
        "nothost.localhost:8080",
        "mylocalhost:8080",
        "example.com:8080",
        "127.0.0.1:80801",
        "127.0.0.1:8080abc",
        "1127.0.0.1:8080",
        "8080",
        '"report": 8080',
        '{"port": 80800}',
    ],
)
def test_other_texts_stay(text: str) -> None:
    """Other hosts, other ports and numbers alone are none of our business."""
    assert with_ports(text, PORTS) == text


@given(st.text(max_size=60))
def test_without_ports_nothing_changes(text: str) -> None:
    """A pod without ports keeps every text."""
    assert with_ports(text, {}) == text
    assert with_mounts(text, {}) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/var/run/a", "/s/1"),
        ("/var/run/a/token", "/s/1/token"),
        ("--file=/var/run/a/token", "--file=/s/1/token"),
        ("/var/run/a/b/x", "/s/2/x"),
        ("/var/run/ab", "/var/run/ab"),
        ("/other/var/run/a", "/other/var/run/a"),
        ("see /var/run/a", "see /var/run/a"),
        ("/var/run/a:ro", "/s/1:ro"),
        ("", ""),
    ],
)
def test_mount_paths_become_folders(text: str, expected: str) -> None:
    """Whole segments at the start, or after '=', and the longest mount that fits."""
    assert with_mounts(text, {"/var/run/a": "/s/1", "/var/run/a/b/": "/s/2"}) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "8080", "20001"),
        ("AEGIS_TLS_PORT", "8080", "20001"),
        ("PORT", "9090", "9090"),
        ("PORT", "http", "http"),
        ("PORT", "٣", "٣"),
        ("REPORT", "8080", "8080"),
        ("COUNT", "8080", "8080"),
        ("URL", "http://localhost:8080", "http://127.0.0.1:20001"),
        ("FILE", "/m/x", "/f/x"),
    ],
)
def test_variables(name: str, value: str, expected: str) -> None:
    """A variable named PORT or *_PORT may hold a port alone."""
    assert rewritten_variable(name, value, PORTS, {"/m": "/f"}) == expected


def test_arguments_are_rewritten_for_ports_and_mounts() -> None:
    """An argument may hold both."""
    assert rewritten_argument("--a=/m/x", PORTS, {"/m": "/f"}) == "--a=/f/x"
    assert rewritten_argument("--bind=0.0.0.0:8080", PORTS, {}) == "--bind=127.0.0.1:20001"
