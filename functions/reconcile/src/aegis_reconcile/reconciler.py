"""From a piece of work to a converged cluster: re-GET, plan, act, status; again where the object changed meanwhile."""

import logging
import time
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from threading import Lock

from attrs import Factory, define, evolve, field, frozen

from aegis_api.identity import read_identity
from aegis_api.policy import read_ingress_policy
from aegis_api.reading import ParseError
from aegis_reconcile.act import act
from aegis_reconcile.asking import Asker
from aegis_reconcile.cluster import Cluster, Conflict, Rejected, TryAgain
from aegis_reconcile.events import Everything, Work
from aegis_reconcile.lanes import in_lanes
from aegis_reconcile.objects import (
    CLUSTER_IDENTITY_PROVIDER,
    IDENTITY,
    IDENTITY_PROVIDER,
    INGRESS_POLICY,
    POD,
    Key,
    Object,
    Resource,
    key_of,
    text,
)
from aegis_reconcile.observe import (
    holder_key,
    meshed_namespaces,
    observe_identity,
    observe_provider,
    observe_rights,
    parsed,
    provider_document,
    provider_key,
    refused_account,
    usable_provider,
    users_of,
)
from aegis_reconcile.outcome import Later, Left, first
from aegis_reconcile.plan.actions import Action, MergeMetadata
from aegis_reconcile.plan.answers import Problem, Usable
from aegis_reconcile.plan.identities import (
    Deprovision,
    Do,
    Finish,
    Observed,
    Provision,
    held_by,
    next_step,
    plan_unreadable,
    with_mark,
)
from aegis_reconcile.plan.policies import plan_policy
from aegis_reconcile.plan.principals import agrees, plan_principals, principal_of
from aegis_reconcile.plan.providers import in_use, plan_guard, plan_provider
from aegis_reconcile.plan.rights import plan_rights
from aegis_reconcile.plan.status import is_deleting, seen, settled
from aegis_reconcile.survey import Survey
from aegis_reconcile.turns import Turns

_log = logging.getLogger(__name__)

# An object that changes under our hands this often is handed back to the source of events, which waits in between.
_ATTEMPTS = 4
# Seconds after which a request begins nothing more: what was begun ends within the 60 s that Knative lets it have, and
# the next tick does the rest.
_BUDGET = 30.0


_Work = tuple[Key | str, Callable[[], Problem | None]]


@define
class Shared:
    """What the requests of one process have in common; nothing of it must survive."""

    turns: Turns = field(factory=Turns)
    ticking: Lock = field(factory=Lock)
    undone: frozenset[Key] = frozenset()
    """The Identities that the last tick had no time for."""


@frozen
class Reconciler:
    """`now` gives the time as RFC 3339 text, as it stands in conditions; `clock` is in seconds.

    What `fresh` says is of this moment; what `cluster` says may be as old as the tick.
    """

    cluster: Cluster
    asker: Asker
    now: Callable[[], str]
    fresh: Cluster = field(default=Factory(lambda self: self.cluster, takes_self=True))
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

    def _everything(self) -> list[Left]:
        """Looks at every object, and asks every provider, for events are lost and things drift.

        A provider that does not answer is no reason to tick again at once: a status says so, and the next tick asks.
        """
        if not self.shared.ticking.acquire(blocking=False):
            return []
        try:
            left = evolve(self, cluster=Survey(self.cluster))._tick()
        finally:
            self.shared.ticking.release()
        return [item for item in left if isinstance(item, Later)]

    def _tick(self) -> list[Left]:
        late = self._late()
        providers = [*self._keys(CLUSTER_IDENTITY_PROVIDER), *self._keys(IDENTITY_PROVIDER)]
        looks = [(key, partial(self._provider, key, True)) for key in providers]
        left = in_lanes({key: [look] for key, look in zip(providers, looks, strict=True)}, self._work, late).results
        left += self._each((key, partial(self._policy, key, True)) for key in self._keys(INGRESS_POLICY))
        left += self._each((space, partial(self._rights, space)) for space in meshed_namespaces(self.cluster))
        left += self._identities(late)
        left += self._each((key, partial(self._principals, key)) for key in providers)
        return left

    def _late(self) -> Callable[[], bool]:
        end = self.clock() + self.budget
        return lambda: self.clock() >= end

    def _each(self, works: Iterable[_Work]) -> list[Left]:
        return [self._work(work) for work in works]

    def _work(self, work: _Work) -> Left:
        return self._attempt(*work)

    def _identities(self, late: Callable[[], bool]) -> list[Left]:
        """All of them, those first that are not as they should be, then those that the last tick did not get to."""
        documents = {key_of(IDENTITY, document): document for document in self.cluster.list(IDENTITY)}
        order = sorted(documents, key=lambda key: (settled(documents[key]), key not in self.shared.undone, key))
        groups: dict[Hashable, list[_Work]] = {}
        for key in order:
            provider = provider_document(self.cluster, key.namespace, text(documents[key], "spec", "provider"))
            group = None if isinstance(provider, Problem) else provider_key(provider)
            groups.setdefault(group, []).append((key, partial(self._identity, key, True)))
        done = in_lanes(groups, self._work, late)
        self.shared.undone = frozenset(key for key, _ in done.undone if isinstance(key, Key))
        if done.undone:
            _log.info("%d of %d Identities are left to the next tick", len(done.undone), len(order))
        return done.results

    def _keys(self, resource: Resource) -> list[Key]:
        return [key_of(resource, document) for document in self.cluster.list(resource)]

    def _after_event(self, key: Key) -> list[Left]:
        if key.resource == INGRESS_POLICY:
            return [self._attempt(key, partial(self._policy, key, False))]
        rights = partial(self._attempt, key.namespace, partial(self._rights, key.namespace))
        if key.resource == POD:
            return [rights()]
        document = self.cluster.get(key)
        if key.resource != IDENTITY:
            return self._after_provider_event(key, document)
        left = self._after_principal(document)
        left.append(self._attempt(key, partial(self._identity, key, False)))
        # A change of the spec may name another provider for proxies to read.
        return left if document is not None and seen(document) else [*left, rights()]

    def _after_principal(self, identity: Object | None) -> list[Left]:
        """The table of the provider, where it does not agree with what this Identity's status says.

        The write of that status comes back as an event, so that this is looked at after each change of it.
        """
        if identity is None or not principal_of(identity):
            return []
        namespace, name = text(identity, "metadata", "namespace"), text(identity, "spec", "provider")
        provider = provider_document(self.cluster, namespace, name)
        if isinstance(provider, Problem) or agrees(provider, identity):
            return []
        key = provider_key(provider)
        return [self._attempt(key, partial(self._principals, key))]

    def _after_provider_event(self, key: Key, document: Object | None) -> list[Left]:
        """The provider, and all that hangs on it. Our own status write comes back here, settled: nothing to do."""
        if document is not None and settled(document) and not is_deleting(document):
            return []
        changed = document is None or not seen(document)
        left: list[Left] = []
        if document is not None:
            left.append(self._attempt(key, partial(self._provider, key, False)))
        users = [
            key_of(IDENTITY, identity)
            for identity in self.cluster.list(IDENTITY, key.namespace)
            if text(identity, "spec", "provider") == key.name
        ]
        looks: list[_Work] = [(user, partial(self._identity, user, changed)) for user in users]
        left += in_lanes({key: looks}, self._work, self._late()).results
        spaces = [key.namespace] if key.namespace else meshed_namespaces(self.cluster)
        left += [self._attempt(space, partial(self._rights, space)) for space in spaces if changed]
        return left

    def _attempt(self, what: Key | str, work: Callable[[], Problem | None]) -> Left:
        """Does a piece of work in its turn, again where somebody else changed the object meanwhile."""
        return self.shared.turns.take(what, lambda: self._retried(what, work))

    def _retried(self, what: Key | str, work: Callable[[], Problem | None]) -> Left:
        try:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return work()
                except Conflict:
                    continue
            return work()
        except TryAgain as error:
            return Later(f"{what}: {error}", error.retry_after)
        except Rejected as error:
            _log.error("%s: %s", what, error)
            return None

    def _provider(self, key: Key, refresh: bool) -> Problem | None:
        document = self.cluster.get(key)
        if document is None:
            return None
        usable = usable_provider(self.asker, document)
        makes = isinstance(usable, Usable) and usable.makes_objects
        users = users_of(self.cluster, key.resource, document) if is_deleting(document) else []
        guard = plan_guard(key.resource, document, makes, users)
        if guard is not None:
            document = act(self.cluster, guard, self.now())
        if is_deleting(document):
            if users:
                self._act(plan_provider(key.resource, document, in_use(document, users), self.now(), refresh))
            return None
        verdict = self.asker.trust(usable) if isinstance(usable, Usable) else usable
        self._act(plan_provider(key.resource, document, verdict, self.now(), refresh))
        return verdict if isinstance(verdict, Problem) and verdict.again else None

    def _principals(self, key: Key) -> None:
        document = self.cluster.get(key)
        if document is not None:
            self._act(plan_principals(key.resource, document, self.cluster.list(IDENTITY, key.namespace)))

    def _policy(self, key: Key, refresh: bool) -> None:
        document = self.cluster.get(key)
        if document is not None:
            self._act(plan_policy(document, parsed(read_ingress_policy, document), self.now(), refresh))

    def _identity(self, key: Key, thorough: bool) -> Problem | None:
        document = self.cluster.get(key)
        if document is None:
            return None
        identity = parsed(read_identity, document)
        if isinstance(identity, ParseError):
            self._act(plan_unreadable(document, str(identity), self.now(), thorough))
            return None
        observed = observe_identity(self.cluster, self.asker, document, identity, thorough)
        while not isinstance(step := next_step(observed, self.now()), Finish):
            observed = self._take(step, observed)
        self._act(step.actions)
        for mark in set(held_by(document)).difference(held_by(observed.document)):
            self._let_go(holder_key(key.namespace, mark))
        return step.problem

    def _let_go(self, provider: Key | None) -> None:
        """A provider that was deleted may have waited for just this Identity."""
        document = self.cluster.get(provider) if provider else None
        if provider and document and is_deleting(document):
            self._attempt(provider, partial(self._provider, provider, False))

    def _take(self, step: Do | Provision | Deprovision, observed: Observed) -> Observed:
        if isinstance(step, Provision):
            made = self.asker.provision(step.usable, step.request)
            return evolve(observed, made=made, untouched=frozenset())
        if isinstance(step, Deprovision):
            answer = self.asker.deprovision(step.usable, step.request)
            return evolve(observed, removed={**observed.removed, step.holder: answer})
        if isinstance(step.action, MergeMetadata):
            document = act(self.cluster, step.action, self.now())
            fresh = set(held_by(document)).difference(held_by(observed.document))
            provider = observe_provider(self.fresh, self.asker, observed.identity) if fresh else observed.provider
            return with_mark(observed, document, provider)
        try:
            return evolve(observed, account=act(self.cluster, step.action, self.now()))
        except Rejected as error:
            return refused_account(observed, error)

    def _rights(self, namespace: str) -> None:
        observed = observe_rights(self.cluster, namespace)
        if observed is not None:
            self._act(plan_rights(observed))

    def _act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            act(self.cluster, action, self.now())
