"""The demo's table."""

from aegis_local.demo.table import Row, head, rendered, section, summary

GOOD, BAD = Row("GET a/", "200", "200", True), Row("GET a/", "200", "403", False)


def test_columns_are_aligned() -> None:
    """Head and rows, with the verdict at the end."""
    for title, cell in (("expected", "200"), ("got", "403"), ("verdict", "FAILED")):
        assert head(False).index(title) == rendered(BAD, False).index(cell)
    assert rendered(GOOD, False).endswith("ok")


def test_long_cells_go_on_below() -> None:
    """Within their own column; the verdict stays in the first line."""
    lines = rendered(Row("word " * 30, "yes", "no " * 20, False), False).splitlines()
    assert lines[0].endswith("FAILED")
    assert len(lines) == 3
    assert all(len(line) <= len(lines[0]) for line in lines)
    column = head(False).index("got")
    assert lines[1][column:].startswith("no")
    assert lines[0][:column].rstrip().endswith("yes")


def test_colours_only_where_wanted() -> None:
    """Green, red and bold."""
    assert "\x1b[32mok" in rendered(GOOD, True)
    assert "\x1b[31mFAILED" in rendered(BAD, True)
    assert "\x1b" in head(True)
    assert "\x1b" in section("Title", True)
    assert "\x1b" not in head(False) + section("Title", False) + rendered(GOOD, False) + rendered(BAD, False)


def test_the_summary_counts() -> None:
    """It is the line that scripts look for."""
    assert summary([GOOD, BAD, GOOD]) == "demo: 2 of 3 checks passed"
