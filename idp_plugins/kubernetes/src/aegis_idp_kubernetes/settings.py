"""The settings of a provider of the type `kubernetes`."""

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_base_url


@frozen
class KubernetesSettings:
    """All of it has defaults inside a cluster; outside (a VM), `issuer` is needed."""

    issuer: str | None = setting(
        "The issuer of the cluster's ServiceAccount tokens. Default: what the API server says. Where there is no API "
        "server at hand, tokens are checked by the discovery document of this issuer.",
        default=None,
        check=check_base_url,
    )
    expiration_seconds: int = setting(
        "How long a projected token lives; the kubelet renews it at 80 % of that.", default=3600, low=600, high=86400
    )
