"""The protocol itself."""

from collections.abc import Mapping

from aegis_idp import discovery
from aegis_idp.plugin import Plugin, audiences_of


def test_every_part_of_the_protocol_is_looked_for() -> None:
    """Discovery refuses whatever lacks a part of the protocol, the newest part included."""
    parts = {name for name in vars(Plugin) if not name.startswith("_")}
    assert parts == set(discovery.ANSWERS)


def test_few_plugins_name_audiences() -> None:
    """With the others, a token's aud holds what was asked for."""

    class Named:
        def audiences(self, settings: object) -> Mapping[str, str]:
            return {"orders.shop.svc": str(settings)}

    named: Plugin[object] = Named()  # type: ignore[assignment]  # of the questions, the one that is asked here
    assert audiences_of(named, "id-1") == {"orders.shop.svc": "id-1"}
    assert audiences_of(discovery.load("kubernetes"), None) is None
