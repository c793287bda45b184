"""Rights are exactly what is needed, and what is right is left alone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aegis_reconcile.objects import CLUSTER_ROLE, ROLE, ROLE_BINDING, Key, Object
from aegis_reconcile.plan.actions import Action, Announce, Apply, Delete
from aegis_reconcile.plan.rights import Needs, RightsObserved, grants_of, plan_rights

SPACE = {"metadata": {"name": "shop", "uid": "space-uid"}}
NAMES = st.frozensets(st.sampled_from(["a", "b", "c"]))
ACCOUNTS = st.sampled_from(["cart", "pay", "long" + "x" * 249])
NEEDS = st.lists(
    st.builds(lambda name, *sets: Needs(account(name), *sets), ACCOUNTS, NAMES, NAMES, NAMES, NAMES),
    max_size=2,
    unique_by=lambda needs: needs.account["metadata"]["name"],
)


def account(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}"}}


def done(existing: dict[Key, Object], actions: tuple[Action, ...]) -> dict[Key, Object]:
    """What is there after the actions."""
    result = dict(existing)
    for action in actions:
        if isinstance(action, Delete):
            del result[action.key]
        elif isinstance(action, Apply):
            result[action.key] = {**action.body, "metadata": {**action.body["metadata"], "uid": "u"}}
    return result


@given(NEEDS, NEEDS)
def test_plan_reaches_its_end_in_one_run(before: list[Needs], after: list[Needs]) -> None:
    """From any earlier state, one run leaves exactly what is needed, and the next does nothing."""
    state = done({}, plan_rights(RightsObserved(SPACE, tuple(before), {})))
    state = done(state, plan_rights(RightsObserved(SPACE, tuple(after), state)))
    wanted = {
        key for needs in after for grant in grants_of(SPACE, needs) for key in (grant.role_key, grant.binding_key)
    }
    assert set(state) == wanted
    assert plan_rights(RightsObserved(SPACE, tuple(after), state)) == ()


@given(NEEDS)
def test_every_rule_names_its_objects(needs: list[Needs]) -> None:
    """A rule without names would open all objects of a kind: none is ever made."""
    for action in plan_rights(RightsObserved(SPACE, tuple(needs), {})):
        assert isinstance(action, Apply)
        for rule in action.body.get("rules", []):
            assert rule["resourceNames"]
            assert rule["verbs"] == ["get", "list", "watch"]
            assert rule["apiGroups"] == ["aegis.aegisproxy.io"]
            assert (rule["resources"] == ["clusteridentityproviders"]) == (action.key.resource == CLUSTER_ROLE)


def test_owner_is_one_that_the_garbage_collector_accepts() -> None:
    """A namespaced role is the account's, a cluster role the Namespace's: an owner is never narrower than its own."""
    needs = Needs(account("cart"), policies=frozenset({"p"}), cluster_providers=frozenset({"wide"}))
    local, wide = grants_of(SPACE, needs)
    assert local.role["metadata"]["ownerReferences"][0]["kind"] == "ServiceAccount"
    assert local.binding["metadata"]["ownerReferences"] == local.role["metadata"]["ownerReferences"]
    assert wide.role["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Namespace", "name": "shop", "uid": "space-uid"}
    ]
    assert wide.role["metadata"]["labels"]["aegisproxy.io/namespace"] == "shop"


def test_foreign_binding_stops_the_role_too() -> None:
    """Role and binding stand together: no role is made beside a binding that is not ours."""
    theirs = Key(ROLE_BINDING, "shop", "aegis-proxy-cart")
    needs = (Needs(account("cart"), policies=frozenset({"p"})),)
    (news,) = plan_rights(RightsObserved(SPACE, needs, {theirs: {"metadata": {"name": "aegis-proxy-cart"}}}))
    assert isinstance(news, Announce)
    assert "RoleBinding shop/aegis-proxy-cart" in news.message


def test_change_is_made_on_the_version_that_was_read() -> None:
    """A role that somebody edits meanwhile is read again first."""
    needs = (Needs(account("cart"), policies=frozenset({"p"})),)
    state = done({}, plan_rights(RightsObserved(SPACE, needs, {})))
    key = Key(ROLE, "shop", "aegis-proxy-cart")
    metadata = {**state[key]["metadata"], "resourceVersion": "9"}
    for rules in ("odd", [], [{"apiGroups": "odd"}], [1]):
        edited = {**state, key: {**state[key], "metadata": metadata, "rules": rules}}
        (action,) = plan_rights(RightsObserved(SPACE, needs, edited))
        assert isinstance(action, Apply)
        assert action.body["metadata"]["resourceVersion"] == "9"
