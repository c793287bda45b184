"""Deployments: as many pods of the current template as wanted, replaced when the template changes."""

import hashlib
import json
import time
from collections.abc import Sequence

from attrs import frozen

from aegis_local.client.api import Api
from aegis_local.client.conditions import Holds, conditions, timestamp
from aegis_local.client.controller import Controller
from aegis_local.client.resources import (
    DEPLOYMENTS,
    PODS,
    Key,
    Object,
    controller_uid,
    is_true,
    key_of,
    owner_reference,
)
from aegis_local.client.watching import Cache
from aegis_local.reactors import Reactor

HASH_LABEL = "pod-template-hash"


def template_hash(deployment: Object) -> str:
    """A short digest of the pod template: pods that carry it are current."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def pod_of(deployment: Object) -> Object:
    """A new pod of the current template."""
    metadata, template = deployment["metadata"], deployment["spec"]["template"]
    digest = template_hash(deployment)
    given = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{metadata['name']}-{digest}-",
            "namespace": metadata["namespace"],
            "labels": {**(given.get("labels") or {}), HASH_LABEL: digest},
            "annotations": dict(given.get("annotations") or {}),
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": template["spec"],
    }


@frozen
class Actions:
    """How many pods to make, and which to delete."""

    create: int
    delete: tuple[Key, ...]


def plan(deployment: Object, pods: Sequence[Object]) -> Actions:
    """What brings the pods of a Deployment closer to its spec: new pods first, old ones go when those are ready."""
    wanted, digest = int(deployment["spec"].get("replicas", 1)), template_hash(deployment)
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    current = [pod for pod in alive if pod["metadata"].get("labels", {}).get(HASH_LABEL) == digest]
    old = [pod for pod in alive if pod not in current]
    recreate = (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"
    surplus = sorted(current, key=lambda pod: (is_true(pod, "Ready"), key_of(pod).name))[
        : max(len(current) - wanted, 0)
    ]
    if old and recreate:
        return Actions(0, tuple(map(key_of, old)))
    replaced = old if sum(is_true(pod, "Ready") for pod in current) >= wanted else []
    return Actions(max(wanted - len(current), 0), tuple(key_of(pod) for pod in [*surplus, *replaced]))


def status_of(deployment: Object, pods: Sequence[Object], now: str) -> Object:
    """The status, as `kubectl rollout status` and `kubectl wait` read it."""
    wanted, digest = int(deployment["spec"].get("replicas", 1)), template_hash(deployment)
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    updated = [pod for pod in alive if pod["metadata"].get("labels", {}).get(HASH_LABEL) == digest]
    ready = sum(is_true(pod, "Ready") for pod in alive)
    fresh = sum(is_true(pod, "Ready") for pod in updated)
    complete = fresh >= wanted and len(alive) == len(updated)
    held = [
        Holds(
            "Available",
            ready >= wanted,
            "MinimumReplicasAvailable" if ready >= wanted else "MinimumReplicasUnavailable",
        ),
        Holds("Progressing", True, "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated"),
    ]
    counts = {
        "replicas": len(alive),
        "updatedReplicas": len(updated),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(wanted - ready, 0),
    }
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": conditions(deployment.get("status", {}).get("conditions") or (), held, now),
        **{name: count for name, count in counts.items() if count},
    }


class Deployments:
    """Runs every Deployment of the API."""

    def __init__(self, reactor: Reactor, api: Api, deployments: Cache, pods: Cache) -> None:
        self.controller = Controller(reactor, "Deployment", self._reconcile)
        self._api = api
        self._deployments = deployments
        self._pods = pods
        # A pod that was just made is not in the cache until its event comes: making another would be one too many.
        self._expected: dict[Key, str] = {}
        deployments.listen(self.controller.wake)
        pods.listen(self._saw)

    def _saw(self, pod: Key) -> None:
        self._expected.pop(pod, None)
        self.controller.wake_all(self._deployments.objects)

    async def _reconcile(self, key: Key) -> None:
        deployment = self._deployments.objects.get(key)
        if deployment is None or deployment["metadata"].get("deletionTimestamp"):
            return
        uid = deployment["metadata"]["uid"]
        pods = [pod for pod in self._pods.objects.values() if controller_uid(pod) == uid]
        if uid not in self._expected.values():
            actions = plan(deployment, pods)
            for _ in range(actions.create):
                made = key_of(await self._api.create(PODS, pod_of(deployment)))
                if made not in self._pods.objects:
                    self._expected[made] = uid
            for pod in actions.delete:
                await self._api.delete(PODS, pod)
        status = status_of(deployment, pods, timestamp(time.time()))
        if status != deployment.get("status"):
            await self._api.apply_status(DEPLOYMENTS, key, status)
