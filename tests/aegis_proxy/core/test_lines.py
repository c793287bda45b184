import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_proxy.core.lines import LineSplitter, LineTooLong


@given(st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line and line.strip() != b"")), st.data())
def test_k09_lines_come_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    """Also within a character or an escape."""
    stream, splitter, found = b"".join(line + b"\n" for line in lines), LineSplitter(100), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == lines


def test_k03_a_line_without_its_end_is_no_line() -> None:
    """Half an event is discarded."""
    assert LineSplitter(100).feed(b'{"a":1}\n{"b"') == [b'{"a":1}']


def test_empty_lines_are_passed_over() -> None:
    """Some servers keep a stream alive with them."""
    assert LineSplitter(100).feed(b"\n\r\n  \na\n") == [b"a"]


@pytest.mark.parametrize(("before", "last"), [(b"", b"x" * 11), (b"x" * 6, b"x" * 6), (b"", b"x" * 11 + b"\n")])
def test_k09_a_line_has_a_bound(before: bytes, last: bytes) -> None:
    """Memory too."""
    splitter = LineSplitter(10)
    splitter.feed(before)
    with pytest.raises(LineTooLong, match="more than 10 bytes"):
        splitter.feed(last)
