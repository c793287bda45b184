"""Does what a plan asks for. Thin: every decision is the plan's."""

import hashlib
import logging

from aegis_reconcile.cluster import FIELD_MANAGER, Cluster, ClusterError
from aegis_reconcile.objects import EVENT, Object
from aegis_reconcile.plan.actions import Action, Announce, Apply, Create, Delete, MergeMetadata, WriteStatus

_log = logging.getLogger(__name__)


def act(cluster: Cluster, action: Action, now: str) -> Object:
    """Does it and returns the object as it is now (empty for what is deleted or announced). Raises ClusterError."""
    match action:
        case WriteStatus(key, version, status):
            metadata = {"name": key.name, "resourceVersion": version}
            if key.namespace:
                metadata["namespace"] = key.namespace
            resource = key.resource
            body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "status": status}
            return cluster.apply_status(resource, body)
        case MergeMetadata(key, metadata):
            return cluster.merge_metadata(key, metadata)
        case Create(key, body):
            return cluster.create(key.resource, body)
        case Apply(key, body):
            return cluster.apply(key.resource, body)
        case Delete(key, uid):
            cluster.delete(key, uid)
            return {}
    _announce(cluster, action, now)
    return {}


def _announce(cluster: Cluster, news: Announce, now: str) -> None:
    """Makes a Kubernetes Event. One that cannot be made is no reason to stop: the status says the same."""
    key, resource = news.key, news.key.resource
    occasion = "\n".join((news.uid, news.reason, news.message, news.occasion))
    body = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        # The name is made from the occasion, so that the same one is not told again.
        "metadata": {
            "name": f"{key.name[:200]}.{hashlib.sha256(occasion.encode()).hexdigest()[:16]}",
            "namespace": key.namespace or "default",
        },
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": key.name,
            "uid": news.uid,
            **({"namespace": key.namespace} if key.namespace else {}),
        },
        "type": news.type,
        "reason": news.reason,
        "message": news.message,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        cluster.create(EVENT, body)
    except ClusterError as error:
        _log.debug("no event about %s: %s", key, error)
