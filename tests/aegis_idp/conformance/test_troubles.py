"""Servers in trouble."""

import pytest

from aegis_idp.conformance.troubles import TROUBLES, Trouble
from aegis_idp.errors import Unavailable

SAID = {
    "down": "refused",
    "hanging_up": "no HTTP answer",
    "slow": "no answer within",
    "oversized": "longer than 4096 bytes",
    "dripping": "no answer within",
}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_each_is_the_trouble_that_it_is_called(trouble: Trouble) -> None:
    """The client says what it met, twice if asked twice."""
    with trouble() as ask:
        for method in ("GET", "POST"):
            with pytest.raises(Unavailable, match=SAID[trouble.__name__]):
                ask(method)
