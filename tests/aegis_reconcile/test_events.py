"""Events name an object, or everything, or are refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_reconcile.events import Everything, NotForUs, OneObject, work_of
from aegis_reconcile.objects import CLUSTER_IDENTITY_PROVIDER, IDENTITY, POD, Key

MESH = "aegis.aegisproxy.io/v1"
ADD = "dev.knative.apiserver.ref.add"


def reference(api_version: str = MESH, kind: str = "Identity", namespace: str = "shop", name: str = "cart") -> object:
    return {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name}


@pytest.mark.parametrize("verb", ["add", "update", "delete"])
def test_reference_is_the_object_whatever_happened(verb: str) -> None:
    """The verb is a hint as well: the object is read again in any case."""
    assert work_of(f"dev.knative.apiserver.ref.{verb}", reference()) == OneObject(Key(IDENTITY, "shop", "cart"))


def test_pods_and_cluster_kinds_are_known() -> None:
    """Pods count for the rights of their ServiceAccounts; a cluster-scoped kind has no namespace."""
    assert work_of(ADD, reference("v1", "Pod", name="p")) == OneObject(Key(POD, "shop", "p"))
    wide = reference(kind="ClusterIdentityProvider", namespace="")
    assert work_of(ADD, wide) == OneObject(Key(CLUSTER_IDENTITY_PROVIDER, "", "cart"))


def test_tick_is_everything() -> None:
    """The data of a PingSource is the operator's own and is not read."""
    assert work_of("dev.knative.sources.ping", "whatever") == Everything()


def test_work_reads_like_a_log_line() -> None:
    """A log names what was worked on."""
    assert str(work_of(ADD, reference())) == "Identity shop/cart"
    assert str(Everything()) == "everything"


@pytest.mark.parametrize(
    ("event_type", "data", "said"),
    [
        ("dev.knative.apiserver.resource.add", {}, "mode: Reference"),
        ("", {}, "wanted one of dev.knative"),
        (ADD, "text", "wanted an object with apiVersion"),
        (ADD, None, "the event's data is null"),
        (ADD, {}, "wanted one of aegis.aegisproxy.io/v1 IdentityProvider"),
        (ADD, reference("v1", "ConfigMap"), '"v1 ConfigMap"'),
        (ADD, reference(name="../x"), "wanted the name of a Identity"),
        (ADD, reference(name=""), 'has the name ""'),
        (ADD, reference(namespace=""), 'has the namespace ""'),
        (ADD, reference(namespace="a.b"), 'has the namespace "a.b"'),
        (ADD, {"apiVersion": MESH, "kind": "Identity", "namespace": 1, "name": []}, "has the name"),
    ],
)
def test_other_events_are_refused_in_words(event_type: str, data: object, said: str) -> None:
    """The text tells the operator what came and what was wanted."""
    with pytest.raises(NotForUs) as caught:
        work_of(event_type, data)
    assert said in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["kind", "name"]), inner),
    max_leaves=8,
)


@given(st.text() | st.sampled_from([ADD, "dev.knative.sources.ping"]), _JSON)
def test_any_event_is_work_or_refused(event_type: str, data: object) -> None:
    """Nothing else ever comes out."""
    try:
        work = work_of(event_type, data)
    except NotForUs:
        return
    assert isinstance(work, Everything | OneObject)
