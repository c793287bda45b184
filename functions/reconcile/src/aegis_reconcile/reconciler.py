"""From a piece of work to a converged cluster: what an event, or the tick, gives to look at."""

import logging
import time
from collections.abc import Callable
from functools import partial
from threading import Lock

from attrs import define, evolve, field, frozen

from aegis_reconcile.asking import Asker
from aegis_reconcile.cluster import Cluster, Rejected, TryAgain
from aegis_reconcile.events import Everything, Work
from aegis_reconcile.lanes import in_lanes
from aegis_reconcile.looks import Looks
from aegis_reconcile.objects import IDENTITY, INGRESS_POLICY, POD, Key, Object, key_of, text
from aegis_reconcile.observe import meshed_namespaces, provider_document, provider_key
from aegis_reconcile.outcome import Later, Left, first
from aegis_reconcile.plan.answers import Problem
from aegis_reconcile.plan.principals import agrees, principal_of
from aegis_reconcile.plan.status import is_deleting, seen, settled
from aegis_reconcile.survey import Survey
from aegis_reconcile.tick import Tick
from aegis_reconcile.turns import Turns

_log = logging.getLogger(__name__)

# Seconds after which a request begins nothing more: what was begun ends within the 60 s that Knative lets it have, and
# the next tick does the rest.
_BUDGET = 30.0


@define
class Shared:
    """What the requests of one process have in common; nothing of it must survive."""

    turns: Turns = field(factory=Turns)
    ticking: Lock = field(factory=Lock)


@frozen
class Reconciler:
    """`now` gives the time as RFC 3339 text, as it stands in conditions; `clock` is in seconds."""

    cluster: Cluster
    asker: Asker
    now: Callable[[], str]
    clock: Callable[[], float] = time.monotonic
    budget: float = _BUDGET
    shared: Shared = field(factory=Shared, eq=False, repr=False)

    def reconcile(self, work: Work) -> Later | None:
        """None when all that can be done is done, failures that only people can mend included: they are in a status."""
        try:
            left = self._everything() if isinstance(work, Everything) else self._after_event(work.key)
        except TryAgain as error:
            return Later(str(error), error.retry_after)
        except Rejected as error:
            _log.error("%s: %s", work, error)
            return None
        return first(left)

    @property
    def _looks(self) -> Looks:
        return Looks(self.cluster, self.asker, self.now, self.shared.turns)

    def _everything(self) -> list[Left]:
        if not self.shared.ticking.acquire(blocking=False):
            return []
        try:
            looks = evolve(self._looks, cluster=Survey(self.cluster), fresh=self.cluster)
            return Tick(looks, self._late()).run()
        finally:
            self.shared.ticking.release()

    def _late(self) -> Callable[[], bool]:
        end = self.clock() + self.budget
        return lambda: self.clock() >= end

    def _after_event(self, key: Key) -> list[Left]:
        looks = self._looks
        if key.resource == INGRESS_POLICY:
            return [looks.policy(key, refresh=False)]
        if key.resource == POD:
            return [looks.rights(key.namespace)]
        document = self.cluster.get(key)
        if key.resource != IDENTITY:
            return self._after_provider_event(looks, key, document)
        left = self._after_principal(looks, document)
        left.append(looks.identity(key, thorough=False))
        # A change of the spec may name another provider for proxies to read.
        return left if document is not None and seen(document) else [*left, looks.rights(key.namespace)]

    def _after_principal(self, looks: Looks, identity: Object | None) -> list[Left]:
        """The table of the provider, where it does not agree with what this Identity's status says.

        The write of that status comes back as an event, so that this is looked at after each change of it.
        """
        if identity is None or not principal_of(identity):
            return []
        namespace, name = text(identity, "metadata", "namespace"), text(identity, "spec", "provider")
        provider = provider_document(self.cluster, namespace, name)
        if isinstance(provider, Problem) or agrees(provider, identity):
            return []
        return [looks.principals(provider_key(provider))]

    def _after_provider_event(self, looks: Looks, key: Key, document: Object | None) -> list[Left]:
        """The provider, and all that hangs on it. Our own status write comes back here, settled: nothing to do."""
        if document is not None and settled(document) and not is_deleting(document):
            return []
        changed = document is None or not seen(document)
        left: list[Left] = []
        if document is not None:
            left.append(looks.provider(key, refresh=False))
        users = [
            partial(looks.identity, key_of(IDENTITY, identity), thorough=changed)
            for identity in self.cluster.list(IDENTITY, key.namespace)
            if text(identity, "spec", "provider") == key.name
        ]
        left += in_lanes({key: users}, lambda look: look(), self._late()).results
        spaces = [key.namespace] if key.namespace else meshed_namespaces(self.cluster)
        left += [looks.rights(space) for space in spaces if changed]
        return left
