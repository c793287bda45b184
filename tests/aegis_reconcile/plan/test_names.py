"""Names never meet, and a pod's use is read from its sidecar alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_reconcile.plan.names import PodUse, cluster_role_name, role_name, use_of

NAME = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]{1,9})?", fullmatch=True)
LONG = st.builds(lambda name, count: (name * count)[:253].strip("-."), NAME, st.integers(1, 60))
LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@given(LONG, LONG)
def test_x20_roles_of_two_accounts_are_two(one: str, other: str) -> None:
    """X20: two ServiceAccounts never share a Role, and its name is legal."""
    assert (role_name(one) == role_name(other)) == (one == other)
    assert len(role_name(one)) <= 253


@given(LABEL, LONG, LABEL, LONG)
def test_x20_cluster_roles_of_two_namespaces_are_two(space: str, one: str, other_space: str, other: str) -> None:
    """X20: a-b/c and a/b-c are two."""
    same = (space, one) == (other_space, other)
    assert (cluster_role_name(space, one) == cluster_role_name(other_space, other)) == same
    assert len(cluster_role_name(space, one)) <= 253


def pod(env: Any, container: str = "aegis-proxy", part: str = "initContainers", **spec: Any) -> dict[str, Any]:
    return {"spec": {part: [{"name": container, "env": env}], **spec}}


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("document", "use"),
    [
        (
            pod(env(AEGIS_IDENTITY="i", AEGIS_PROVIDER="p,q", AEGIS_POLICY="a,b"), serviceAccountName="s"),
            PodUse("s", "i", frozenset({"p", "q"}), frozenset({"a", "b"})),
        ),
        (pod(env(AEGIS_POLICY="a"), part="containers"), PodUse("default", None, frozenset(), frozenset({"a"}))),
        (pod(env(AEGIS_POLICY="a"), container="app"), PodUse("default", None, frozenset(), frozenset())),
        (
            pod(env(AEGIS_POLICY="../x,,A", AEGIS_IDENTITY="*", AEGIS_PROVIDER="a/b,,*")),
            PodUse("default", None, frozenset(), frozenset()),
        ),
        (pod("odd"), PodUse("default", None, frozenset(), frozenset())),
        (
            pod([1, {"name": 2}, {"name": "AEGIS_IDENTITY", "valueFrom": {}}]),
            PodUse("default", None, frozenset(), frozenset()),
        ),
        ({}, PodUse("default", None, frozenset(), frozenset())),
        ({"status": {"phase": "Failed"}}, None),
        ({"status": {"phase": "Succeeded"}}, None),
    ],
)
def test_use_of_a_pod(document: dict[str, Any], use: PodUse | None) -> None:
    """Only the sidecar's own settings count, and only legal names."""
    assert use_of(document) == use
