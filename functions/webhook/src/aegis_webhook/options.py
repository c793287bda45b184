"""The webhook's own settings, from its environment."""

from collections.abc import Mapping
from importlib.metadata import version

from attrs import field, frozen

PROXY_IMAGE = "AEGIS_PROXY_IMAGE"


def _no_blank(_: object, __: object, image: str) -> None:
    if not image or image.split() != [image]:
        raise ValueError(f'{PROXY_IMAGE}: got "{image}", wanted the reference of a container image')


@frozen
class Options:
    """`proxy_image` is what aegis-init and aegis-proxy run; proxy and webhook are released together."""

    proxy_image: str = field(validator=_no_blank)


def read_options(environment: Mapping[str, str]) -> Options:
    """Raises ValueError."""
    return Options(environment.get(PROXY_IMAGE, f"aegis-proxy:{version('aegis-webhook')}"))
