"""Kubernetes quantities (`100m`, `64Mi`) of a sidecar's resources."""

import re
from decimal import Decimal

from attrs import field, frozen

from aegis_api.reading import Node

_CPU = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?)(?P<unit>m?)")
_MEMORY = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,3})?)(?P<unit>k|M|G|T|Ki|Mi|Gi|Ti|)")
_UNITS = {"": Decimal(1), "m": Decimal("0.001")}
_UNITS |= {unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", 1)}
_UNITS |= {unit + "i": Decimal(1024) ** power for power, unit in enumerate("KMGT", 1)}


@frozen
class Quantity:
    """`text` as its author wrote it, and the `amount` in cores or bytes."""

    text: str
    amount: Decimal = field(eq=False)


def cpu(node: Node) -> Quantity:
    return _read(node, _CPU, "cores like 0.5 or 500m, above 0")


def memory(node: Node) -> Quantity:
    return _read(node, _MEMORY, "bytes like 64Mi or 128M, above 0")


def _read(node: Node, pattern: re.Pattern[str], wanted: str) -> Quantity:
    text = node.matching(pattern, wanted)
    match = pattern.fullmatch(text)
    assert match
    amount = Decimal(match["number"]) * _UNITS[match["unit"]]
    if not amount:
        raise node.refuse(wanted)
    return Quantity(text, amount)
