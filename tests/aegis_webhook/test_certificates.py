"""The webhook's own certificates."""

import runpy
import ssl
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aegis_webhook.certificates import LIFETIME, main, make_serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_command_writes_three_files(tmp_path: Path) -> None:
    """They are good for a TLS server, and only the owner can read the key."""
    main([str(tmp_path / "new"), "aegis-webhook.aegis-system.svc", "127.0.0.1", "::1"])
    folder = tmp_path / "new"
    assert sorted(path.name for path in folder.iterdir()) == ["ca.crt", "tls.crt", "tls.key"]
    assert stat.S_IMODE((folder / "tls.key").stat().st_mode) == 0o600
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(folder / "tls.crt", folder / "tls.key")
    ssl.create_default_context(cafile=str(folder / "ca.crt"))


def test_the_module_is_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m aegis_webhook.certificates` is how it is called."""
    monkeypatch.setattr(sys, "argv", ["certificates", str(tmp_path), "a"])
    monkeypatch.delitem(sys.modules, "aegis_webhook.certificates")
    runpy.run_module("aegis_webhook.certificates", run_name="__main__")
    assert (tmp_path / "tls.crt").exists()


def test_a_second_run_replaces_all_three(tmp_path: Path) -> None:
    """Each run makes a new authority."""
    main([str(tmp_path), "a"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    main([str(tmp_path), "a"])
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == set(after)
    assert all(before[name] != after[name] for name in before)


def test_the_certificate_holds_a_year() -> None:
    """It is good from now, with a little patience for clocks that differ."""
    serving = make_serving(["a"], NOW)
    x509 = pytest.importorskip("cryptography.x509")
    for pem in (serving.authority, serving.certificate):
        certificate = x509.load_pem_x509_certificate(pem)
        assert certificate.not_valid_after_utc == NOW + LIFETIME
        assert certificate.not_valid_before_utc < NOW


def test_the_key_is_not_shown() -> None:
    """A repr is no place for a private key."""
    assert "PRIVATE" not in repr(make_serving(["a"], NOW))
