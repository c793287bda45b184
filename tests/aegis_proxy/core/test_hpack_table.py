from hpack.table import HeaderTable

from aegis_proxy.core.hpack_table import MAX_TABLE, STATIC, DynamicTable, size_of


def test_the_static_table_is_that_of_the_rfc() -> None:
    """RFC 7541 appendix A, as another implementation has it."""
    assert STATIC == HeaderTable.STATIC_TABLE


def test_the_oldest_leave_first() -> None:
    """By section 4.1's count, which adds 32 to each entry."""
    table = DynamicTable()
    pairs = [(b"name%d" % number, bytes(1000)) for number in range(4)]
    assert [table.add(pair) for pair in pairs] == [[], [], [], [pairs[0]]]
    assert list(table.entries) == [pairs[3], pairs[2], pairs[1]]
    assert table.resize(2 * size_of(pairs[0])) == [pairs[1]]
    assert table.resize(0) == [pairs[2], pairs[3]]
    assert table.added == 4


def test_what_is_too_large_empties_the_table() -> None:
    """Section 4.4: that is no error."""
    table = DynamicTable()
    table.add((b"a", b"b"))
    large = (b"x", bytes(MAX_TABLE))
    assert table.add(large) == [(b"a", b"b"), large]
    assert list(table.entries) == []
