"""The webhook's own settings."""

import pytest

from aegis_webhook.options import Options, read_options


def test_the_image_comes_from_the_environment() -> None:
    """Without a word, the proxy is of the webhook's own version."""
    assert read_options({"AEGIS_PROXY_IMAGE": "proxy@sha256:00"}) == Options("proxy@sha256:00")
    assert read_options({}).proxy_image.startswith("aegis-proxy:")


@pytest.mark.parametrize("image", ["", "a b", " a"])
def test_an_image_is_one_word(image: str) -> None:
    """An empty reference, or one with blanks, is refused by name."""
    with pytest.raises(ValueError, match="AEGIS_PROXY_IMAGE: got"):
        read_options({"AEGIS_PROXY_IMAGE": image})
