"""The certificate of the webhooks: made anew for each run, as cert-manager or a deployer would make it."""

import base64
from collections.abc import Sequence

from aegis_local.client.resources import Object
from aegis_local.kube.certificates import make_authority
from aegis_local.manifests import webhook_services, with_ca_bundle

_TYPE = "kubernetes.io/tls"


def complete(plain: Sequence[Object], hooks: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """The objects and the webhook configurations with a certificate filled in.

    Every Secret of type kubernetes.io/tls in the namespace of a webhook's Service gets one for those Services' names.
    """
    authority = make_authority("aegis-local webhooks")
    services = webhook_services(hooks)
    completed = []
    for obj in plain:
        own = [name for namespace, name in services if namespace == obj["metadata"].get("namespace")]
        if obj["kind"] == "Secret" and obj.get("type") == _TYPE and own:
            namespace = obj["metadata"]["namespace"]
            hosts = tuple(f"{name}.{namespace}.svc" for name in sorted(own))
            pair = authority.issue(hosts[0], hosts=hosts)
            data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.pair.certificate}
            encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
            completed.append({**{name: value for name, value in obj.items() if name != "stringData"}, "data": encoded})
        else:
            completed.append(obj)
    return completed, [with_ca_bundle(hook, authority.pair.certificate) for hook in hooks]
