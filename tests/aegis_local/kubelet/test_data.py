"""What ConfigMaps and Secrets hold."""

from aegis_local.kubelet.data import bytes_of


def test_a_config_map_holds_text_and_bytes() -> None:
    """`data` is text, `binaryData` is base64."""
    obj = {"kind": "ConfigMap", "data": {"a": "ä"}, "binaryData": {"b": "AAE="}}
    assert bytes_of(obj) == {"a": "ä".encode(), "b": b"\x00\x01"}


def test_a_secret_holds_base64() -> None:
    """And nothing else."""
    assert bytes_of({"kind": "Secret", "data": {"a": "YQ=="}}) == {"a": b"a"}
    assert bytes_of({"kind": "Secret"}) == {}
