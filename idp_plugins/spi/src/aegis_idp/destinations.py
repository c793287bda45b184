"""The audiences of an identity's destinations, for providers that must know each of them beforehand."""

from aegis_api.hosts import HostPattern, service_host
from aegis_idp.errors import Misconfigured


def destinations(hosts: tuple[HostPattern, ...]) -> tuple[str, ...]:
    """The audience of each host that may receive a token, each once: `<service>.<namespace>.svc`.

    A host that is no Service has none, and a proxy asks for none. Raises Misconfigured for patterns, which stand for
    names that nobody knows yet.
    """
    patterns = [host.text for host in hosts if not host.exact]
    if patterns:
        raise Misconfigured(
            "with audiencePerDestination, this provider must know each destination beforehand, and "
            f"{', '.join(patterns)} stands for many: list the exact hosts, like orders.shop.svc, in "
            "Identity.spec.egress.hosts"
        )
    return tuple(dict.fromkeys(audience for host in hosts if (audience := service_host(host.text))))
