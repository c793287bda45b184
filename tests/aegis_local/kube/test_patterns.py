import pytest

from aegis_local.kube.patterns import BadPatternError, check, found_in


def test_a_part_of_the_text_is_enough() -> None:
    """As `pattern` of JSON Schema: unanchored."""
    assert found_in("b+", "abc")
    assert not found_in("^b", "abc")


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"\1"])
def test_what_go_does_not_know_is_refused(pattern: str) -> None:
    """No look-around and no back references, so matching takes linear time."""
    with pytest.raises(BadPatternError):
        check(pattern)


def test_a_good_pattern_passes() -> None:
    """A check of an RE2 expression raises nothing."""
    check(r"^\pL+$")
