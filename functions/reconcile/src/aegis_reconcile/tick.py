"""The tick: a look at everything, for events are lost, and things drift at providers."""

import logging
from collections.abc import Callable, Hashable
from functools import partial

from attrs import frozen

from aegis_reconcile.lanes import in_lanes
from aegis_reconcile.looks import Looks
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    Key,
    Object,
    key_of,
    text,
)
from aegis_reconcile.observe import meshed_namespaces, provider_document, provider_key
from aegis_reconcile.outcome import Later, Left
from aegis_reconcile.plan.answers import Problem
from aegis_reconcile.schedule import is_due, urgency

_log = logging.getLogger(__name__)

_Look = Callable[[], Left]


@frozen
class Tick:
    """`late` says when nothing more is to be begun: the next tick goes on with what is left."""

    looks: Looks
    late: Callable[[], bool]

    def run(self) -> list[Left]:
        """What is to be tried again before the next tick.

        A provider that does not answer is no reason to: a status says so, and the next tick asks. Raises ClusterError.
        """
        looks = self.looks
        providers = [*looks.keys(CLUSTER_IDENTITY_PROVIDER), *looks.keys(IDENTITY_PROVIDER)]
        left = self._in_lanes({key: [partial(looks.provider, key, refresh=True)] for key in providers})
        left += [looks.policy(key, refresh=True) for key in looks.keys(INGRESS_POLICY)]
        left += [looks.rights(space) for space in meshed_namespaces(looks.cluster)]
        left += self._identities()
        left += [looks.principals(key) for key in providers]
        return [item for item in left if isinstance(item, Later)]

    def _identities(self) -> list[Left]:
        """Side by side for each provider, those first that are due."""
        looks, now = self.looks, self.looks.now()
        groups: dict[Hashable, list[_Look]] = {}
        known = sorted(looks.cluster.list(IDENTITY), key=urgency(now))
        for identity in sorted(known, key=lambda identity: not is_due(identity, now)):
            key = key_of(IDENTITY, identity)
            provider = provider_document(looks.cluster, key.namespace, text(identity, "spec", "provider"))
            group = None if isinstance(provider, Problem) else provider_key(provider)
            groups.setdefault(group, []).append(partial(self._identity, key, identity, now))
        return self._in_lanes(groups)

    def _identity(self, key: Key, identity: Object, now: str) -> Left:
        """One that is not due is looked at only if there is something to do by what the API server says."""
        if not is_due(identity, now) and self.looks.is_at_rest(identity):
            return None
        return self.looks.identity(key, thorough=True)

    def _in_lanes(self, groups: dict[Hashable, list[_Look]]) -> list[Left]:
        done = in_lanes(groups, lambda look: look(), self.late)
        if done.undone:
            total = len(done.undone) + len(done.results)
            _log.info("%d of %d looks are left to the next tick", len(done.undone), total)
        return done.results
