"""One object at a time: re-GET, plan, act, status; again where somebody else changed the object meanwhile."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from attrs import Factory, evolve, field, frozen

from aegis_api.identity import read_identity
from aegis_api.policy import read_ingress_policy
from aegis_api.reading import ParseError
from aegis_reconcile.act import act
from aegis_reconcile.asking import Asker
from aegis_reconcile.cluster import Cluster, ClusterError, Conflict, Rejected, TryAgain
from aegis_reconcile.objects import IDENTITY, Key, Object, Resource, key_of
from aegis_reconcile.observe import (
    holder_key,
    observe_identity,
    observe_provider,
    observe_rights,
    parsed,
    refused_account,
    usable_provider,
    users_of,
)
from aegis_reconcile.outcome import Later, Left
from aegis_reconcile.plan.actions import Action, MergeMetadata
from aegis_reconcile.plan.answers import Problem, Usable
from aegis_reconcile.plan.identities import (
    Deprovision,
    Do,
    Finish,
    Observed,
    Provision,
    held_by,
    is_withdrawn,
    next_step,
    plan_unreadable,
    with_mark,
)
from aegis_reconcile.plan.policies import plan_policy
from aegis_reconcile.plan.principals import plan_principals
from aegis_reconcile.plan.providers import in_use, plan_guard, plan_provider
from aegis_reconcile.plan.rights import plan_rights
from aegis_reconcile.plan.status import is_deleting
from aegis_reconcile.times import age
from aegis_reconcile.turns import Turns

_log = logging.getLogger(__name__)

# An object that changes under our hands this often is handed back to the source of events, which waits in between.
_ATTEMPTS = 4


@frozen
class Looks:
    """`now` gives the time as RFC 3339 text, as it stands in conditions.

    What `fresh` says is of this moment; what `cluster` says may be as old as a tick. `refresh`: a message that alone
    has changed is written, too.
    """

    cluster: Cluster
    asker: Asker
    now: Callable[[], str]
    turns: Turns = field(factory=Turns, eq=False, repr=False)
    fresh: Cluster = field(default=Factory(lambda self: self.cluster, takes_self=True))

    def keys(self, resource: Resource) -> list[Key]:
        return [key_of(resource, document) for document in self.cluster.list(resource)]

    def provider(self, key: Key, refresh: bool) -> Left:
        return self._attempt(key, partial(self._provider, key, refresh))

    def principals(self, key: Key) -> Left:
        """The table in the status of the provider `key`."""
        return self._attempt(key, partial(self._principals, key))

    def policy(self, key: Key, refresh: bool) -> Left:
        return self._attempt(key, partial(self._policy, key, refresh))

    def identity(self, key: Key, thorough: bool) -> Left:
        """`thorough`: its provider is asked even where the status is settled."""
        return self._attempt(key, partial(self._identity, key, thorough))

    def is_at_rest(self, identity: Object) -> bool:
        """Whether there is nothing to do for an Identity, as long as nothing has changed at its provider."""
        try:
            observed = self._observed(self.cluster, identity, thorough=False)
        except ClusterError:
            return False
        return not observed if isinstance(observed, tuple) else next_step(observed, self.now()) == Finish((), None)

    def rights(self, namespace: str) -> Left:
        """What the proxies of a namespace may read."""
        return self._attempt(namespace, partial(self._rights, namespace))

    def _attempt(self, what: Key | str, work: Callable[[], Problem | None]) -> Left:
        """Does a piece of work in its turn, again where somebody else changed the object meanwhile."""
        return self.turns.take(what, lambda: self._retried(what, work))

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
            now, identities = self.now(), self.cluster.list(IDENTITY, key.namespace)
            self._act(plan_principals(key.resource, document, identities, now, partial(age, now)))

    def _policy(self, key: Key, refresh: bool) -> None:
        document = self.cluster.get(key)
        if document is not None:
            self._act(plan_policy(document, parsed(read_ingress_policy, document), self.now(), refresh))

    def _identity(self, key: Key, thorough: bool) -> Problem | None:
        document = self.cluster.get(key)
        if document is None:
            return None
        observed = self._observed(self.cluster, document, thorough)
        if isinstance(observed, Observed) and is_withdrawn(observed):
            # Labels may have changed since the tick began, and what is removed is not made again with the same ids.
            observed = self._observed(self.fresh, document, thorough)
        if not isinstance(observed, Observed):
            self._act(observed)
            return None
        while not isinstance(step := next_step(observed, self.now()), Finish):
            observed = self._take(step, observed)
        self._act(step.actions)
        for mark in set(held_by(document)).difference(held_by(observed.document)):
            self._let_go(holder_key(key.namespace, mark))
        return step.problem

    def _observed(self, cluster: Cluster, document: Object, thorough: bool) -> Observed | tuple[Action, ...]:
        """What the next step depends on; or the actions for an Identity that the parser refuses."""
        identity = parsed(read_identity, document)
        if isinstance(identity, ParseError):
            return plan_unreadable(document, str(identity), self.now(), thorough)
        return observe_identity(cluster, self.asker, document, identity, thorough)

    def _let_go(self, provider: Key | None) -> None:
        """A provider that was deleted may have waited for just this Identity."""
        document = self.cluster.get(provider) if provider else None
        if provider and document and is_deleting(document):
            self.provider(provider, refresh=False)

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
