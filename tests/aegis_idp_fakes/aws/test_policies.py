"""Policy documents. Those that the plugin writes are judged in tests of the plugin."""

import json
from typing import Any

import pytest

from aegis_idp_fakes.aws.policies import allows, read_policy
from aegis_idp_fakes.server import Refusal


def policy(*statements: dict[str, Any]) -> Any:
    return read_policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def allow(action: Any = "a:b", resource: Any = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def test_a_deny_beats_all_and_silence_is_a_no() -> None:
    """In whatever policy it stands."""
    assert allows([policy(allow())], "a:b", "r", {})
    assert not allows([], "a:b", "r", {})
    assert not allows([policy(allow()), policy(allow("*", effect="Deny"))], "a:b", "r", {})
    assert not allows([policy(allow("a:c"))], "a:b", "r", {})
    assert not allows([policy(allow(resource="x/*"))], "a:b", "y/1", {})
    assert allows([policy(allow(["a:?", "c"], ["x/*", "y/*"]))], "a:b", "y/1/2", {})


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a*", "abc", True),
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("${$}{*}", "${x}", True),
        ("${$}{*}", "x", False),
        ("a.c", "abc", False),
    ],
)
def test_wildcards_can_be_escaped(pattern: str, text: str, matches: bool) -> None:
    """And nothing else has a meaning."""
    condition = {"ForAllValues:StringLike": {"k": pattern}}
    assert allows([policy(allow(Condition=condition))], "a:b", "r", {"k": (text,)}) is matches


def test_an_absent_key_is_equal_to_nothing() -> None:
    """But all of no values are like anything, as in the cloud."""
    for condition, holds in (
        ({"StringEquals": {"k": "v"}}, False),
        ({"NumericLessThanEquals": {"k": 5}}, False),
        ({"ForAllValues:StringLike": {"k": "v"}}, True),
    ):
        assert allows([policy(allow(Condition=condition))], "a:b", "r", {}) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"Version": "2008-10-17", "Statement": []}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "x"}]}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Condition": {"Bool": {}}}]}',
    ],
)
def test_what_is_not_judged_here_is_refused(text: str) -> None:
    """Rather than taken for less than it says."""
    with pytest.raises(Refusal) as caught:
        read_policy(text)
    assert b"MalformedPolicyDocument" in caught.value.answer.body


def test_a_policy_is_short() -> None:
    """10240 characters."""
    with pytest.raises(Refusal) as caught:
        policy(allow(["x" * 10240]))
    assert b"LimitExceeded" in caught.value.answer.body
