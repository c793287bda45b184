"""The last look at a pod: one that asks for the mesh must be what the injection would make of it."""

from aegis_api.annotations import INJECTED_LABEL
from aegis_api.reading import ParseError
from aegis_webhook.decision import Decision, Inject, Object, Refuse, Refused
from aegis_webhook.inject import Injector
from aegis_webhook.patch import difference
from aegis_webhook.pods import labels_of
from aegis_webhook.safety import check_ephemeral

_SHOWN = 3


def judge_created(injector: Injector, pod: Object, namespace: str) -> Decision:
    """As `Injector.decide`, but what would still have to be injected is refused."""
    decision = injector.decide(pod, namespace)
    if isinstance(decision, Inject) and (changes := difference(pod, decision.pod)):
        paths = ", ".join(change["path"] for change in changes[:_SHOWN])
        return Refuse(
            f"the pod asks for the mesh and is not injected (it differs at {paths}): "
            "the mutating webhook was not called, or something changed the pod after it"
        )
    return decision


def judge_updated(pod: Object) -> Refuse | None:
    """Containers that are added to a running pod must not reach around its proxy."""
    try:
        if INJECTED_LABEL in labels_of(pod):
            check_ephemeral(pod)
    except (ParseError, Refused) as error:
        return Refuse(str(error))
    return None
