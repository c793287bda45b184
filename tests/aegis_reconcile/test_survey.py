"""One tick lists each kind once, and is still right where things change under its hands."""

from collections import Counter

import pytest

from aegis_reconcile.cluster import Conflict
from aegis_reconcile.objects import IDENTITY, IDENTITY_PROVIDER, NAMESPACE, ROLE, SERVICE_ACCOUNT, Key
from aegis_reconcile.plan.names import MANAGED
from aegis_reconcile.survey import Survey
from support.reconciling import Mesh

CART = Key(SERVICE_ACCOUNT, "shop", "cart")


def asked(mesh: Mesh) -> Counter[tuple[str, str]]:
    """Calls by method and kind, from now on."""
    counts: Counter[tuple[str, str]] = Counter()
    mesh.cluster.before = lambda method, key: counts.update([(method, key.resource.kind)])
    return counts


def test_kinds_that_many_share_are_listed_once() -> None:
    """A thousand looks at accounts, namespaces and providers cost three lists; one at an Identity is always fresh."""
    mesh = Mesh("shop", "bank")
    mesh.account("cart")
    key, identity = mesh.provider(), mesh.identity()
    survey, calls = Survey(mesh.cluster), asked(mesh)
    for _ in range(10):
        assert survey.get(CART) is not None
        assert survey.get(Key(SERVICE_ACCOUNT, "shop", "none")) is None
        assert survey.get(Key(NAMESPACE, "", "bank")) is not None
        assert survey.get(key) == mesh.cluster.objects[key]
        assert survey.get(identity) is not None
        assert len(survey.list(IDENTITY_PROVIDER, "shop")) == 1
        assert survey.list(IDENTITY_PROVIDER, "bank") == ()
        assert len(survey.list(IDENTITY, "shop")) == 1
    assert calls == {
        ("list", "ServiceAccount"): 1,
        ("list", "Namespace"): 1,
        ("list", "IdentityProvider"): 1,
        ("get", "Identity"): 10,
        ("list", "Identity"): 10,
    }


def test_own_writes_are_seen_without_asking() -> None:
    """What was made, changed or lost its label through the survey is known to it."""
    mesh = Mesh()
    survey = Survey(mesh.cluster)
    assert survey.get(CART) is None
    assert survey.list(ROLE, "shop", MANAGED) == ()
    survey.create(SERVICE_ACCOUNT, {"metadata": {"name": "cart", "namespace": "shop"}})
    survey.apply(ROLE, {"metadata": {"name": "r", "namespace": "shop", "labels": dict(MANAGED)}})
    survey.apply(ROLE, {"metadata": {"name": "other", "namespace": "shop"}})
    calls = asked(mesh)
    assert survey.get(CART) is not None
    assert [role["metadata"]["name"] for role in survey.list(ROLE, "shop", MANAGED)] == ["r"]
    assert not calls


def test_what_is_not_sure_is_read_anew() -> None:
    """After a conflict, and after a delete, the API server is asked itself."""
    mesh = Mesh()
    account = mesh.account("cart")
    survey = Survey(mesh.cluster)
    stale = survey.get(account)
    assert stale is not None
    mesh.cluster.put(SERVICE_ACCOUNT, "cart", "shop", labels={"by": "others"})
    with pytest.raises(Conflict):
        survey.apply(SERVICE_ACCOUNT, {"metadata": {**stale["metadata"], "labels": {}}})
    assert survey.get(account) == mesh.cluster.objects[account]
    role = survey.apply(ROLE, {"metadata": {"name": "r", "namespace": "shop", "labels": dict(MANAGED)}})
    assert len(survey.list(ROLE, "shop", MANAGED)) == 1
    survey.delete(Key(ROLE, "shop", "r"), role["metadata"]["uid"])
    assert survey.list(ROLE, "shop", MANAGED) == ()
