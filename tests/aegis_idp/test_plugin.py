"""The protocol itself."""

from aegis_idp import discovery
from aegis_idp.plugin import Plugin


def test_every_part_of_the_protocol_is_looked_for() -> None:
    """Discovery refuses whatever lacks a part of the protocol, the newest part included."""
    parts = {name for name in vars(Plugin) if not name.startswith("_")}
    assert parts == set(discovery.ANSWERS)
