"""IngressPolicy: whether the proxies can enforce it."""

from aegis_api.policy import Enforcement, IngressPolicy
from aegis_api.reading import ParseError
from aegis_reconcile.objects import INGRESS_POLICY, Object, key_of
from aegis_reconcile.plan.actions import Action
from aegis_reconcile.plan.status import ACCEPTED, condition, write_status


def plan_policy(document: Object, policy: IngressPolicy | ParseError, now: str, refresh: bool) -> tuple[Action, ...]:
    """`policy` is what the proxies' own parser makes of the document."""
    if isinstance(policy, ParseError):
        accepted = condition(document, ACCEPTED, False, "Invalid", f"{policy}; until then every request is denied")
    else:
        accepted = condition(document, ACCEPTED, True, "Valid", _summary(policy))
    return write_status(key_of(INGRESS_POLICY, document), document, {}, [accepted], now, refresh)


def _summary(policy: IngressPolicy) -> str:
    count = len(policy.rules)
    if policy.enforcement is Enforcement.DRY_RUN:
        return f"{count} rule{'s' * (count != 1)}, judged and recorded only (DryRun): every request passes"
    if not count:
        return "no rules: every request is denied"
    return f"{count} rule{'s' * (count != 1)}, enforced: what none of them allows is denied"
