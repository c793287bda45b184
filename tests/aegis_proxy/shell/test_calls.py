from aegis_proxy.shell.calls import UpstreamReset


def test_a_reset_says_its_code() -> None:
    """In words for the log, and as a number to pass on."""
    reset = UpstreamReset(8)
    assert (reset.code, reset.detail) == (8, "upstream reset the stream, error 8")
