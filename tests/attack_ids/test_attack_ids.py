"""Every id of the attack catalogue has its test; `python tests/attack_ids/show.py` prints which."""

import pytest

from support.attack_ids import CATALOGUE, ROOT, Entry, carriers, catalogue, faults, of_source

ENTRIES = catalogue(CATALOGUE.read_text("utf-8"))
# How many ids each section of the catalogue has: none is lost by an edit.
SECTIONS = {"P": 44, "M": 7, "H": 19, "F": 32, "D": 12, "U": 6, "E": 10, "J": 46, "K": 20, "R": 8, "W": 12, "S": 10}
SECTIONS |= {"X": 26}


def test_the_catalogue_is_whole() -> None:
    """Each section counts from 01 without a gap, and each id has words."""
    assert list(ENTRIES) == [
        f"{letter}{number:02}" for letter, count in SECTIONS.items() for number in range(1, count + 1)
    ]
    assert [name for name, entry in ENTRIES.items() if not entry.what] == []


def test_every_id_has_a_test() -> None:
    """And every id that a test carries is one of the catalogue; what has its test is not called pending."""
    assert faults(ENTRIES, carriers(ROOT)) == []


def test_what_is_pending_says_why() -> None:
    """And where its test will be, so that nothing else counts as it."""
    pending = {name: entry for name, entry in ENTRIES.items() if entry.pending}
    assert [name for name, entry in pending.items() if not entry.where] == []


SOURCE = """
import pytest

pytestmark = pytest.mark.attack("S09")
TABLE = {"P05-mixed": b"M01", **{f"F02-f03-{at}": at for at in range(3)}}

@pytest.mark.parametrize("value", TABLE.values(), ids=TABLE)
def test_table(value): ...

@pytest.mark.parametrize("value", [pytest.param("J01", id="J02-x"), "H01"])
@pytest.mark.attack("X06", "X07")
def test_e08_k10_more(value): ...

@pytest.mark.parametrize("value", [1, 2], ids=["d06-reset", "RS256"])
def test_w2_p50(value): ...

def helper_u01(): "U01"
"""


def test_ids_are_read_from_names_parameters_and_markers() -> None:
    """And from nothing else: not from values, texts, or functions that are no tests."""
    found = of_source(SOURCE)
    assert found == {
        "S09": {"test_table", "test_e08_k10_more", "test_w2_p50"},
        "P05": {"test_table"},
        "F02": {"test_table"},
        "F03": {"test_table"},
        "J02": {"test_e08_k10_more"},
        "X06": {"test_e08_k10_more"},
        "X07": {"test_e08_k10_more"},
        "E08": {"test_e08_k10_more"},
        "K10": {"test_e08_k10_more"},
        "P50": {"test_w2_p50"},
        "D06": {"test_w2_p50"},
    }


@pytest.mark.parametrize(
    ("entry", "carried", "fault"),
    [
        (Entry("x"), [], "P01 has no test"),
        (Entry("x"), ["tests/a.py"], ""),
        (Entry("x", where="tests/b"), ["tests/a.py"], "P01 has no test below tests/b"),
        (Entry("x", where="tests/b"), ["tests/a.py", "tests/b/c.py"], ""),
        (Entry("x", where="tests/b", pending="later"), ["tests/a.py"], ""),
        (Entry("x", where="tests/b", pending="later"), ["tests/b/c.py"], "P01 is pending, and has its test"),
    ],
)
def test_the_check_can_fail(entry: Entry, carried: list[str], fault: str) -> None:
    """Whatever is wrong is told."""
    found = faults({"P01": entry}, [("P01", file) for file in carried])
    assert [text.partition(":")[0] for text in found] == ([fault] if fault else [])


def test_an_id_that_nobody_knows_is_a_mistake() -> None:
    """For it would prove nothing."""
    assert faults({}, [("P99", "tests/a.py")]) == ["P99 is no id of the catalogue: tests/a.py"]
