"""Admission by webhooks: mutating ones in their order, then validating ones at the same time."""

import uuid
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, ensureDeferred

from aegis_local.kube.admission_reviews import BadAnswerError, Verdict, denial, patched, request_of, review, verdict_of
from aegis_local.kube.admission_rules import (
    Attributes,
    ConditionFailedError,
    Webhook,
    concerns,
    conditions_hold,
    supports_dry_run,
)
from aegis_local.kube.decoding import conformed
from aegis_local.kube.errors import ApiError, bad_request, forbidden, internal
from aegis_local.kube.objects import Object, labels_of, name_of
from aegis_local.kube.patches import same
from aegis_local.kube.store import Store
from aegis_local.kube.webhook_call import CallFailedError, ServiceResolver, call, target_of
from aegis_local.kube.writing import Write

_GROUP = "admissionregistration.k8s.io"


class WebhookAdmission:
    """Calls the webhooks that the configurations in the store name."""

    def __init__(self, reactor: Any, store: Store, resolve: ServiceResolver) -> None:
        self._reactor = reactor
        self._store = store
        self._resolve = resolve

    async def mutate(self, write: Write, operation: str, new: Object, old: Object | None) -> Object:
        """The object as the mutating webhooks leave it. Raises ApiError on a refusal."""
        asked = self._attributes(write, operation, new, old)
        webhooks = self._webhooks("mutatingwebhookconfigurations")
        seen: dict[int, Object | None] = {}
        for index, webhook in enumerate(webhooks):
            asked = await self._mutated(write, webhook, asked, seen, index)
        for index, webhook in enumerate(webhooks):
            # A webhook that asks for it sees the object again when a later one has changed it.
            again = webhook.spec.get("reinvocationPolicy") == "IfNeeded" and index in seen
            if again and not same(seen[index], asked.object):
                asked = await self._mutated(write, webhook, asked, seen, index)
        assert asked.object is not None
        return asked.object

    async def _mutated(
        self, write: Write, webhook: Webhook, asked: Attributes, seen: dict[int, Object | None], index: int
    ) -> Attributes:
        verdict = await self._verdict(write, webhook, asked)
        if verdict is None:
            return asked
        if verdict.patch is not None and asked.object is not None:
            result = patched(asked.object, verdict.patch, webhook.name)
            asked = evolve(asked, object=conformed(result, write.kind, "Ignore", []))
        seen[index] = asked.object
        return asked

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None:
        """Let the validating webhooks judge. Raises ApiError on a refusal."""
        asked = self._attributes(write, operation, new, old)
        if operation == "DELETE":
            for webhook in self._webhooks("mutatingwebhookconfigurations"):
                await self._verdict(write, webhook, asked)
        calls: list[Deferred[Verdict | None]] = [
            ensureDeferred(self._verdict(write, webhook, asked))
            for webhook in self._webhooks("validatingwebhookconfigurations")
        ]
        refusals: list[ApiError] = []
        for waiting in calls:
            try:
                await waiting
            except ApiError as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]

    def _webhooks(self, plural: str) -> list[Webhook]:
        return [
            Webhook(name_of(configuration), spec)
            for configuration in self._store.all((_GROUP, plural))
            for spec in configuration.get("webhooks") or ()
        ]

    def _attributes(self, write: Write, operation: str, new: Object | None, old: Object | None) -> Attributes:
        namespace = self._store.get(("", "namespaces"), "", write.namespace) if write.namespace else None
        return Attributes(
            operation,
            write.kind,
            write.subresource,
            write.namespace,
            write.name or name_of(new or old or {}),
            new,
            old,
            write.user.rendered(),
            write.options,
            write.dry_run,
            labels_of(namespace or {}),
        )

    async def _verdict(self, write: Write, webhook: Webhook, asked: Attributes) -> Verdict | None:
        """The webhook's verdict; None when it is not concerned, or failed and may. Raises ApiError on a refusal."""
        if not concerns(webhook, asked):
            return None
        uid = str(uuid.uuid4())
        request = request_of(asked, uid)
        try:
            if not conditions_hold(webhook, asked, request):
                return None
        except ConditionFailedError as error:
            if not webhook.fails_closed:
                return None
            raise forbidden(asked.kind.group, asked.kind.plural, asked.name, str(error)) from error
        if asked.dry_run and not supports_dry_run(webhook):
            raise bad_request(f"admission webhook {webhook.name!r} does not support dry run".replace("'", '"'))
        try:
            verdict = await self._called(webhook, request, uid)
        except (CallFailedError, BadAnswerError) as error:
            if not webhook.fails_closed:
                return None
            raise internal(f'failed calling webhook "{webhook.name}": {error}') from error
        write.warnings.extend(verdict.warnings)
        if not verdict.allowed:
            raise denial(webhook.name, verdict.status)
        return verdict

    async def _called(self, webhook: Webhook, request: Object, uid: str) -> Verdict:
        timeout = int(webhook.spec.get("timeoutSeconds") or 10)
        target = target_of(webhook.spec["clientConfig"], timeout, self._resolve)
        return verdict_of(await call(self._reactor, target, review(request), timeout), uid)
