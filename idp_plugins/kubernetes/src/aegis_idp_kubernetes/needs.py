"""Which ServiceAccount tokens the kubelet projects into a sidecar."""

from aegis_idp.destinations import destinations
from aegis_idp.errors import Misconfigured
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken
from aegis_idp_kubernetes.settings import KubernetesSettings

# What an API server takes as its own audience without --api-audiences, beside its issuer, in common clusters.
_API_SERVER_AUDIENCES = frozenset({"https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"})


def needs_of(settings: KubernetesSettings, pod: PodContext) -> PodNeeds:
    """One token for the provider's audience, or one for each destination.

    The kubelet projects what the pod's spec lists, so that each must be known before the pod starts.
    """
    audiences = destinations(pod.hosts) if pod.audience_per_destination else (pod.audience,)
    for audience in audiences:
        if audience in _API_SERVER_AUDIENCES or audience == settings.issuer:
            raise Misconfigured(
                f"the audience {audience} is the API server's own: a service that receives such a token could use it "
                "there as the caller; set spec.audience of the provider to a name of the mesh, like aegis"
            )
    return PodNeeds(tokens=tuple(ProjectedToken(audience, settings.expiration_seconds) for audience in audiences))
