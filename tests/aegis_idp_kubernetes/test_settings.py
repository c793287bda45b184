"""The settings of a provider of the type `kubernetes`."""

import pytest

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings
from aegis_idp_kubernetes.settings import KubernetesSettings


def test_nothing_has_to_be_set() -> None:
    """Inside a cluster all of it has defaults."""
    assert read_settings(KubernetesSettings, Node({}, "spec.config")) == KubernetesSettings(None, 3600)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"issuer": "http://issuer.example"}, r"^spec\.config\.issuer: got .*wanted https://HOST"),
        ({"issuer": "https://issuer.example?x"}, r"^spec\.config\.issuer: "),
        ({"expirationSeconds": 599}, r"^spec\.config\.expirationSeconds: got 599, wanted a whole number from 600"),
        ({"audience": "x"}, r"^spec\.config: got the unknown field audience"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, object], error: str) -> None:
    """The error names the path and what was wanted."""
    with pytest.raises(ParseError, match=error):
        read_settings(KubernetesSettings, Node(config, "spec.config"))
