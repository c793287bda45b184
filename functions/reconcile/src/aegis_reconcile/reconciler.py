"""From a piece of work to a converged cluster: re-GET, plan, act, status; again where the object changed meanwhile."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

from attrs import evolve, field, frozen

from aegis_api.identity import read_identity
from aegis_api.policy import read_ingress_policy
from aegis_api.reading import ParseError
from aegis_reconcile.act import act
from aegis_reconcile.asking import Asker
from aegis_reconcile.cluster import Cluster, Conflict, Rejected, TryAgain
from aegis_reconcile.events import Everything, Work
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

_log = logging.getLogger(__name__)

# An object that changes under our hands this often is handed back to the source of events, which waits in between.
_ATTEMPTS = 4
# Providers that do not answer are waited for side by side.
_PROVIDERS_AT_ONCE = 8


@frozen
class Later:
    """Something is left to be tried again, after `retry_after` seconds if somebody said so. `why` is for the log."""

    why: str
    retry_after: float | None = None


Left = Later | Problem | None
"""What a piece of work leaves: trouble with the API server, a provider that did not answer, or nothing."""


@frozen
class Reconciler:
    """`now` gives the time as RFC 3339 text, as it stands in conditions."""

    cluster: Cluster
    asker: Asker
    now: Callable[[], str]
    _ticking: Lock = field(factory=Lock, init=False, eq=False, repr=False)

    def reconcile(self, work: Work) -> Later | None:
        """None when all that can be done is done, failures that only people can mend included: they are in a status."""
        try:
            left = self._everything() if isinstance(work, Everything) else self._after_event(work.key)
        except TryAgain as error:
            return Later(str(error), error.retry_after)
        except Rejected as error:
            _log.error("%s: %s", work, error)
            return None
        return _first(left)

    def _everything(self) -> list[Left]:
        """Looks at every object, and asks every provider, for events are lost and things drift.

        A provider that does not answer is no reason to tick again at once: a status says so, and the next tick asks.
        """
        if not self._ticking.acquire(blocking=False):
            return []
        try:
            providers = [*self._keys(CLUSTER_IDENTITY_PROVIDER), *self._keys(IDENTITY_PROVIDER)]
            with ThreadPoolExecutor(_PROVIDERS_AT_ONCE) as pool:
                left = list(pool.map(lambda key: self._attempt(key, partial(self._provider, key, True)), providers))
            left += [self._attempt(key, partial(self._policy, key, True)) for key in self._keys(INGRESS_POLICY)]
            left += [self._attempt(key, partial(self._identity, key, True)) for key in self._keys(IDENTITY)]
            left += [self._attempt(key, partial(self._principals, key)) for key in providers]
            left += [self._attempt(space, partial(self._rights, space)) for space in meshed_namespaces(self.cluster)]
        finally:
            self._ticking.release()
        return [item for item in left if isinstance(item, Later)]

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
        left += [self._attempt(user, partial(self._identity, user, changed)) for user in users]
        spaces = [key.namespace] if key.namespace else meshed_namespaces(self.cluster)
        left += [self._attempt(space, partial(self._rights, space)) for space in spaces if changed]
        return left

    def _attempt(self, what: Key | str, work: Callable[[], Problem | None]) -> Left:
        """Does a piece of work, again where somebody else changed the object meanwhile."""
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
            provider = observe_provider(self.cluster, self.asker, observed.identity) if fresh else observed.provider
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


def _first(left: Iterable[Left]) -> Later | None:
    """One word for all that is left, with the longest of the waits asked for."""
    trouble = [Later(item.message, item.retry_after) if isinstance(item, Problem) else item for item in left]
    real = [item for item in trouble if item is not None]
    if not real:
        return None
    return evolve(real[0], retry_after=max(item.retry_after or 0 for item in real) or None)
