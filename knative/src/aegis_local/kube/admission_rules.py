"""Which webhooks a request concerns: rules, selectors and match conditions of their configurations. Pure."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from aegis_local.kube import cel
from aegis_local.kube.kinds import Kind
from aegis_local.kube.objects import Object, labels_of, metadata
from aegis_local.kube.selectors import matches_label_selector

_EXEMPT = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


class ConditionFailedError(Exception):
    """A match condition has no value; the text says which and why."""


@frozen
class Attributes:
    """What admission judges: one write of one object. `object` is None for a delete, `old` for a create."""

    operation: str
    kind: Kind
    subresource: str
    namespace: str
    name: str
    object: Object | None
    old: Object | None
    user: Object
    options: Object
    dry_run: bool
    namespace_labels: Mapping[str, str] = field(factory=dict)


@frozen
class Webhook:
    """One webhook of a configuration; `spec` is as stored, with its defaults."""

    configuration: str
    spec: Object

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def fails_closed(self) -> bool:
        return self.spec.get("failurePolicy") != "Ignore"


def concerns(webhook: Webhook, asked: Attributes) -> bool:
    """Whether rules and selectors let the request through to the webhook."""
    if asked.kind.group == "admissionregistration.k8s.io" and asked.kind.plural in _EXEMPT:
        return False
    spec = webhook.spec
    exact = spec.get("matchPolicy") == "Exact"
    if not any(_rule_matches(rule, asked, exact) for rule in spec.get("rules") or ()):
        return False
    if not _namespace_matches(spec.get("namespaceSelector"), asked):
        return False
    selector = spec.get("objectSelector")
    return any(
        matches_label_selector(selector or {}, labels_of(obj)) for obj in (asked.object, asked.old) if obj is not None
    )


def _rule_matches(rule: Object, asked: Attributes, exact: bool) -> bool:
    kind = asked.kind
    scopes = ("*", "Namespaced" if kind.namespaced else "Cluster")
    return (
        _in(rule.get("operations"), asked.operation)
        and _in(rule.get("apiGroups"), kind.group)
        # An equivalent request is one for the same resource in another version.
        and (not exact or _in(rule.get("apiVersions"), kind.version))
        and rule.get("scope", "*") in scopes
        and any(_resource_matches(pattern, asked) for pattern in rule.get("resources") or ())
    )


def _in(values: list[str] | None, wanted: str) -> bool:
    return values is not None and ("*" in values or wanted in values)


def _resource_matches(pattern: str, asked: Attributes) -> bool:
    resource, _, subresource = pattern.partition("/")
    return resource in ("*", asked.kind.plural) and subresource in ("*", asked.subresource)


def _namespace_matches(selector: Any, asked: Attributes) -> bool:
    if not selector:
        return True
    if asked.kind.plural == "namespaces" and not asked.kind.group:
        return matches_label_selector(selector, labels_of(asked.object or asked.old or {}))
    return not asked.kind.namespaced or matches_label_selector(selector, asked.namespace_labels)


def conditions_hold(webhook: Webhook, asked: Attributes, request: Object) -> bool:
    """Whether all matchConditions are true. Raises ConditionFailedError when none is false and one has no value."""
    failure: ConditionFailedError | None = None
    for condition in webhook.spec.get("matchConditions") or ():
        variables = {"object": asked.object, "oldObject": asked.old, "request": request}
        try:
            if not cel.evaluated(condition["expression"], variables):
                return False
        except cel.UndecidedError as error:
            failure = ConditionFailedError(
                f"{condition['name']}: expression '{condition['expression']}' resulted in error: {error}"
            )
    if failure is not None:
        raise failure
    return True


def supports_dry_run(webhook: Webhook) -> bool:
    return webhook.spec.get("sideEffects") in ("None", "NoneOnDryRun")


def namespace_of_request(asked: Attributes) -> str:
    """The namespace that a review names: of a Namespace object, its own name."""
    if asked.kind.plural == "namespaces" and not asked.kind.group:
        return str(metadata(asked.object or asked.old or {}).get("name") or asked.name)
    return asked.namespace
