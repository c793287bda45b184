"""The webhook's own settings, from its environment."""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version

from attrs import Attribute, field, frozen

PROXY_IMAGE = "AEGIS_PROXY_IMAGE"
TRACE_ENDPOINT = "AEGIS_TRACE_ENDPOINT"
TRACE_RATIO = "AEGIS_TRACE_RATIO"


def _matching(variable: str, pattern: str, wanted: str) -> "Callable[[object, Attribute[str], str], None]":
    def check(_: object, __: "Attribute[str]", text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(f'{variable}: got "{text}", wanted {wanted}')

    return check


@frozen
class Options:
    """`proxy_image` is what aegis-init and aegis-proxy run; proxy and webhook are released together.

    `trace_endpoint` and `trace_ratio` are for every proxy: where spans go, and how many; empty for none.
    """

    proxy_image: str = field(validator=_matching(PROXY_IMAGE, r"\S+", "the reference of a container image"))
    trace_endpoint: str = field(
        default="", validator=_matching(TRACE_ENDPOINT, r"(?:https?://\S+)?", "the URL of an OpenTelemetry collector")
    )
    trace_ratio: str = field(
        default="", validator=_matching(TRACE_RATIO, r"(?:0(?:\.[0-9]{1,9})?|1)?", "a number from 0 to 1")
    )


def read_options(environment: Mapping[str, str]) -> Options:
    """Raises ValueError."""
    return Options(
        environment.get(PROXY_IMAGE, f"aegis-proxy:{version('aegis-webhook')}"),
        environment.get(TRACE_ENDPOINT, ""),
        environment.get(TRACE_RATIO, ""),
    )
