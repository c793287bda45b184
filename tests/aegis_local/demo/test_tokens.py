"""The search for credentials in logs."""

from pathlib import Path

from aegis_local.demo.tokens import credentials_in, leaks, needles
from aegis_local.kubelet.folders import write_volume

JWT = b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0." + b"s" * 40


def test_tokens_of_all_volumes_are_found(tmp_path: Path) -> None:
    """And nothing else: no certificate, no text."""
    write_volume(tmp_path / "pod" / "volumes" / "api", {"token": JWT, "ca.crt": b"PEM", "note": b"a. b. c"})
    write_volume(tmp_path / "other" / "volumes" / "t", {"aud": b"eyJ.b.c"})
    assert set(credentials_in(tmp_path)) == {JWT, b"eyJ.b.c"}


def test_a_token_is_searched_by_its_signature() -> None:
    """Which nobody else has; too short ones would be found everywhere."""
    assert needles([JWT, b"an-opaque-token-of-the-admin", b"a.b.c"]) == {b"s" * 40, b"an-opaque-token-of-the-admin"}


def test_logs_that_hold_a_credential_are_named(tmp_path: Path) -> None:
    """A part of a line is enough."""
    good, bad = tmp_path / "good.log", tmp_path / "bad.log"
    good.write_bytes(b"401 no token\n")
    bad.write_bytes(b"Authorization: Bearer " + JWT + b"\n")
    assert leaks([good, bad], needles([JWT])) == ["bad.log"]
    assert leaks([good], needles([JWT])) == []
