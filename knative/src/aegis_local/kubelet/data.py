"""What ConfigMaps and Secrets hold, as bytes. Pure."""

import base64

from aegis_local.client.resources import Object


def bytes_of(obj: Object) -> dict[str, bytes]:
    """The keys and values of a ConfigMap (data, binaryData) or Secret (data)."""
    coded = obj.get("data") if obj["kind"] == "Secret" else obj.get("binaryData")
    plain = {} if obj["kind"] == "Secret" else obj.get("data")
    return {name: text.encode() for name, text in (plain or {}).items()} | {
        name: base64.b64decode(text) for name, text in (coded or {}).items()
    }
