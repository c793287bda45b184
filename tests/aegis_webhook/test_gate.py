"""The last look at a pod."""

import copy

import pytest

from aegis_webhook.decision import Inject, Refuse, Skip
from aegis_webhook.gate import judge_created, judge_updated
from support.admission import Case, Object, cases, injector, pod, usual_cluster

INJECTED = [case for case in cases() if "injected" in case.document]


@pytest.mark.parametrize("case", INJECTED, ids=lambda case: case.name)
def test_w10_an_injected_pod_passes_and_the_same_pod_before_does_not(case: Case) -> None:
    """A pod that asks for the mesh never starts without its sidecar, even if the mutating webhook was not asked."""
    assert isinstance(judge_created(injector(case.cluster), case.document["injected"], "shop"), Inject)
    decision = judge_created(injector(case.cluster), case.document["pod"], "shop")
    assert isinstance(decision, Refuse)
    assert "the pod asks for the mesh and is not injected (it differs at /" in decision.why


def test_w10_other_pods_pass() -> None:
    """Who asks for nothing is left alone."""
    assert isinstance(judge_created(injector(usual_cluster()), pod(), "shop"), Skip)


def updated(label: bool, container: Object) -> Object:
    document = copy.deepcopy(pod(ephemeralContainers=[container]))
    document["metadata"]["labels"] = {"aegisproxy.io/injected": "true"} if label else {}
    return document


def test_w04_containers_that_are_added_later_cannot_reach_around_the_proxy() -> None:
    """A debugging container as the proxy's user is refused in an injected pod, and nobody's business in another."""
    proxy_user = {"name": "debug", "securityContext": {"runAsUser": 1137}}
    refuse = judge_updated(updated(True, proxy_user))
    assert refuse
    assert "spec.ephemeralContainers[0].securityContext.runAsUser" in refuse.why
    assert judge_updated(updated(False, proxy_user)) is None
    assert judge_updated(updated(True, {"name": "debug"})) is None
    assert judge_updated({"metadata": {"labels": []}})
