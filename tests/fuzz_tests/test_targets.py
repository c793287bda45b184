"""The fuzz targets on what they start from, and on everything that fuzzing ever found."""

from pathlib import Path
from random import Random

import pytest

from aegis_api import paths
from fuzz import targets
from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS
from mutation.operators import mutant

REGRESSIONS = Path(targets.__file__).parent / "regressions"
FOUND = sorted(path for path in REGRESSIONS.glob("*/*") if path.is_file())


def test_each_target_has_seeds_and_no_others_have() -> None:
    """A folder of regressions belongs to a target, too."""
    assert set(SEEDS) == set(TARGETS)
    assert {path.parent.name for path in FOUND} <= set(TARGETS)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name[:24]}")
def test_what_was_found_stays_mended(path: Path) -> None:
    """Each file is input that was handled wrongly once."""
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_is_near_them(name: str) -> None:
    """The seeds, and 300 mutants that are always the same: a target that does not run at all shows here."""
    for seed in SEEDS[name]:
        TARGETS[name](seed)
    for number in range(300):
        TARGETS[name](mutant(SEEDS[name], number))
    for size in (0, 1, 64):
        TARGETS[name](Random(size).randbytes(size))


def test_a_target_sees_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canonical form that is none."""
    monkeypatch.setattr(targets, "canonical_path", lambda path, **_: path + b"x")
    with pytest.raises(AssertionError):
        targets.target(b"public")


def test_a_target_lets_no_exception_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything but the promised refusal is a finding."""
    monkeypatch.setattr(paths, "_ESCAPE", None)
    with pytest.raises(AttributeError):
        targets.request_head(b"GET /%41 HTTP/1.1\r\nHost: a\r\n\r\n")
