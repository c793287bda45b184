"""The webhook's own settings."""

import pytest

from aegis_webhook.options import Options, read_options


def test_the_image_comes_from_the_environment() -> None:
    """Without a word, the proxy is of the webhook's own version."""
    assert read_options({"AEGIS_PROXY_IMAGE": "proxy@sha256:00"}) == Options("proxy@sha256:00")
    assert read_options({}).proxy_image.startswith("aegis-proxy:")


def test_traces_are_for_every_proxy() -> None:
    """Where spans go and how many; none by default."""
    asked = {"AEGIS_TRACE_ENDPOINT": "http://collector:4318/v1/traces", "AEGIS_TRACE_RATIO": "0.05"}
    options = read_options(asked)
    assert (options.trace_endpoint, options.trace_ratio) == ("http://collector:4318/v1/traces", "0.05")
    assert (read_options({}).trace_endpoint, read_options({}).trace_ratio) == ("", "")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AEGIS_TRACE_ENDPOINT", "collector:4318"),
        ("AEGIS_TRACE_ENDPOINT", "http://a b"),
        ("AEGIS_TRACE_RATIO", "2"),
        ("AEGIS_TRACE_RATIO", "half"),
    ],
)
def test_an_odd_option_is_refused_by_name(variable: str, text: str) -> None:
    """At the start, not in every pod."""
    with pytest.raises(ValueError, match=f"{variable}: got"):
        read_options({variable: text})


@pytest.mark.parametrize("image", ["", "a b", " a"])
def test_an_image_is_one_word(image: str) -> None:
    """An empty reference, or one with blanks, is refused by name."""
    with pytest.raises(ValueError, match="AEGIS_PROXY_IMAGE: got"):
        read_options({"AEGIS_PROXY_IMAGE": image})
