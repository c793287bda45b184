"""The settings of a provider of the type `template`."""

import pytest

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings
from aegis_idp_template.settings import TemplateSettings


def test_the_address_is_https_or_stays_inside() -> None:
    """A token service in the open is only ever asked over TLS."""
    with pytest.raises(ParseError, match=r"^spec\.config\.address: .*https://HOST"):
        read_settings(TemplateSettings, Node({"address": "http://tokens.example"}, "spec.config"))


def test_the_token_lives_an_hour_by_default() -> None:
    """All but the address has a default."""
    settings = read_settings(TemplateSettings, Node({"address": "https://tokens.example"}, "spec.config"))
    assert settings == TemplateSettings("https://tokens.example", 3600)
