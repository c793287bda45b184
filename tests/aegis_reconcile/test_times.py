import math

import pytest

from aegis_reconcile.times import age

NOW = "2030-01-01T00:05:00Z"


@pytest.mark.parametrize(
    ("then", "seconds"),
    [
        ("2030-01-01T00:00:00Z", 300),
        (NOW, 0),
        ("2030-01-01T00:05:01Z", -1),
        ("2030-01-01T01:00:00+01:00", 300),
        ("2030-01-01T00:00:00", math.inf),
        ("yesterday", math.inf),
        ("", math.inf),
    ],
)
def test_the_age_of_a_time(then: str, seconds: float) -> None:
    """What is no time, or one of nowhere, is older than all others."""
    assert age(NOW, then) == seconds
