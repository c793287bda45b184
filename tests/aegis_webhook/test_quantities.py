"""Quantities of cores and bytes."""

import pytest

from aegis_api.reading import Node, ParseError
from aegis_webhook.quantities import cpu, memory


@pytest.mark.parametrize(("text", "amount"), [("1", 1), ("0.5", 0.5), ("250m", 0.25)])
def test_cores(text: str, amount: float) -> None:
    """Cores, or thousandths of one."""
    assert float(cpu(Node(text)).amount) == amount
    assert cpu(Node(text)).text == text


@pytest.mark.parametrize(("text", "amount"), [("64Mi", 64 << 20), ("1k", 1000), ("1.5Gi", 3 << 29), ("100", 100)])
def test_bytes(text: str, amount: int) -> None:
    """Bytes, with decimal or binary units."""
    assert int(memory(Node(text)).amount) == amount


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1e3", "1 m", "١", "1m\n", "x", 1])
def test_what_is_no_quantity(text: object) -> None:
    """Nothing, less than nothing, and what is no number are refused."""
    with pytest.raises(ParseError, match="wanted cores like"):
        cpu(Node(text))
    with pytest.raises(ParseError, match="wanted bytes like"):
        memory(Node("1m" if text == "1 m" else text))
