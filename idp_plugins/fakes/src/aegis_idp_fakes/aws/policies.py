"""Judges policy documents.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
reference_policies_elements_condition_operators.html: a deny beats all, and what no statement allows is denied.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aegis_idp_fakes.aws.wire import aws_error

Policy = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]

_SPECIAL = re.compile(r"\$\{([$*?])\}|([*?])|(.)", re.DOTALL)
_LONGEST = 10240
_MEMBERS = {"Effect", "Action", "Resource", "Principal", "Condition", "Sid"}


def read_policy(text: str) -> Policy:
    """A document with only what is judged here. Raises Refusal."""
    try:
        document = json.loads(text)
        statements = document["Statement"]
        good = document["Version"] == "2012-10-17" and all(
            set(one) <= _MEMBERS and one["Effect"] in ("Allow", "Deny") and set(one.get("Condition", {})) <= set(_HOLDS)
            for one in statements
        )
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise aws_error(400, "MalformedPolicyDocument", "Syntax errors in policy.")
    if len(text) > _LONGEST:
        raise aws_error(409, "LimitExceeded", f"Maximum policy size of {_LONGEST} bytes exceeded.")
    return dict(document)


def allows(policies: Iterable[Policy], action: str, resource: str, context: Context) -> bool:
    """Whether identity policies allow an action."""
    effects = {
        one["Effect"]
        for policy in policies
        for one in policy["Statement"]
        if _any(one["Action"], action) and _any(one["Resource"], resource) and _holds(one, context)
    }
    return effects == {"Allow"}


def trusts(policy: Policy, federated: str, action: str, context: Context) -> bool:
    """Whether a trust policy lets a federated principal in."""
    return any(
        one["Effect"] == "Allow"
        and one["Principal"] == {"Federated": federated}
        and _any(one["Action"], action)
        and _holds(one, context)
        for one in policy["Statement"]
    )


def _any(patterns: str | list[str], text: str) -> bool:
    return any(_like(pattern, text) for pattern in _listed(patterns))


def _holds(statement: Mapping[str, Any], context: Context) -> bool:
    return all(
        _HOLDS[operator](context.get(key, ()), _listed(wanted))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _listed(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def _like(pattern: str, text: str) -> bool:
    """`*` and `?` are wildcards; `${*}`, `${?}` and `${$}` stand for themselves."""
    parts = (
        re.escape(literal or plain) if not wild else {"*": ".*", "?": "."}[wild]
        for literal, wild, plain in _SPECIAL.findall(pattern)
    )
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _equal(values: tuple[str, ...], wanted: list[str]) -> bool:
    return bool(values) and values[0] in wanted


def _all_like(values: tuple[str, ...], wanted: list[str]) -> bool:
    """True of no values at all, as in the cloud."""
    return all(any(_like(pattern, value) for pattern in wanted) for value in values)


def _at_most(values: tuple[str, ...], wanted: list[str]) -> bool:
    return bool(values) and float(values[0]) <= float(wanted[0])


_HOLDS: Mapping[str, Callable[[tuple[str, ...], list[str]], bool]] = {
    "StringEquals": _equal,
    "ForAllValues:StringLike": _all_like,
    "NumericLessThanEquals": _at_most,
}
