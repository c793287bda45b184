from typing import Any

import pytest

from aegis_local.kube.cel import BadExpressionError, UndecidedError, check, evaluated


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("!has(self.max) || self.size <= self.max", {"size": 3}),
        ("self.all(x, x > 0) && self.exists_one(x, x == 1)", [1, 2]),
        ("self.matches('^[a-z]+$') && self.startsWith('a') && self.size() == 3", "abc"),
        ("self.lowerAscii() == 'abc' && self.upperAscii() == 'ABC'", "aBc"),
        ("self.split('.') == ['a', 'b'] && self.split('').size() == 3", "a.b"),
        ("self.split('.', 2) == ['a', 'b.c']", "a.b.c"),
        ("self.substring(1) == 'bc' && self.substring(0, 1) == 'a' && self.charAt(1) == 'b'", "abc"),
        ("self.indexOf('b') == 1 && self.lastIndexOf('b') == 3 && self.indexOf('z') == -1", "abcb"),
        ("self.indexOf(2) == 1 && self.indexOf(9) == -1", [1, 2]),
        ("self.isSorted() && self.sum() == 6 && self.min() == 1 && self.max() == 3", [1, 2, 3]),
        ("self.join('-') == 'a-b' && self.join() == 'ab'", ["a", "b"]),
        ("self.trim() == 'a' && self.replace('a', 'b') == ' b '", " a "),
        ("'k' in self && self['k'] == null", {"k": None}),
        ("type(self) == int ? self == 3 : false", 3),
    ],
)
def test_expressions(source: str, value: Any) -> None:
    """The language, and the functions that Kubernetes adds for strings and lists."""
    assert evaluated(source, {"self": value})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("self.missing == 1", {}),
        ("self > 'a'", 1),
        ("self.substring(9) == ''", "abc"),
        ("self.trim() == ''", 1),
        ("bogus(self)", 1),
        ("self[5] == 1", [1]),
    ],
)
def test_expressions_without_a_value(source: str, value: Any) -> None:
    """Missing keys, wrong types and unknown functions are no answer."""
    with pytest.raises(UndecidedError):
        evaluated(source, {"self": value})


def test_text_that_is_no_expression() -> None:
    """It is refused before it is ever used."""
    with pytest.raises(BadExpressionError, match="is not a CEL expression"):
        check("self ==")
    check("self == 1")
