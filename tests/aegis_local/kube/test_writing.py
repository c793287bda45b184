from typing import Any

import pytest

from aegis_local.kube.errors import ApiError
from aegis_local.kube.handlers import MERGE_PATCH
from aegis_local.kube.objects import Object
from aegis_local.kube.store import ChangedError, Store
from aegis_local.kube.users import ADMIN
from aegis_local.kube.writing import Write, Writer, is_released, settled
from support.in_memory_kube import WIDGETS, InMemoryKube, OpenAdmission, run, widget, widget_crd, with_widgets

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def kube() -> InMemoryKube:
    return with_widgets()


def pod(name: str, **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}], **spec}}


def test_names_are_generated(kube: InMemoryKube) -> None:
    """From generateName, each its own."""
    body = widget("x")
    body["metadata"] = {"generateName": "w-"}
    first, second = (kube.ok("POST", WIDGETS, body)["metadata"]["name"] for _ in range(2))
    assert first != second
    assert first.startswith("w-")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**widget("x"), "metadata": {}}, 422),
        ({**widget("x"), "metadata": {"name": "x", "namespace": "other"}}, 400),
        (widget("taken"), 409),
        (widget("x", size=0), 422),
    ],
)
def test_bad_creates_are_refused(kube: InMemoryKube, body: Object, code: int) -> None:
    """And store nothing."""
    kube.ok("POST", WIDGETS, widget("taken"))
    revision = kube.store.revision
    assert kube.refused("POST", WIDGETS, body)[0] == code
    assert kube.store.revision == revision


def test_nothing_is_made_in_a_namespace_that_is_not_there(kube: InMemoryKube) -> None:
    """404 that names the namespace."""
    assert kube.refused("POST", WIDGETS.replace("default", "none"), widget("x")) == (404, 'namespaces "none" not found')


def test_pods_run_as_an_account_that_exists(kube: InMemoryKube) -> None:
    """The default one, or 403 for one that is not there."""
    made = kube.ok("POST", PODS, pod("p"))
    assert made["spec"]["serviceAccountName"] == "default"
    code, message = kube.refused("POST", PODS, pod("q", serviceAccountName="none"))
    assert (code, message) == (
        403,
        'pods "q" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"resourceVersion": None}, 422),
        ({"resourceVersion": "1"}, 409),
        ({"uid": "another"}, 409),
        ({"name": "other"}, 400),
        ({"namespace": "other"}, 400),
    ],
)
def test_replacements_must_fit_what_is_stored(kube: InMemoryKube, change: Object, code: int) -> None:
    """Revision, uid, name and namespace."""
    stored = kube.ok("POST", WIDGETS, widget("x"))
    body = {**stored, "metadata": {**stored["metadata"], **change}}
    assert kube.refused("PUT", f"{WIDGETS}/x", body)[0] == code


def test_what_is_not_there_cannot_be_replaced(kube: InMemoryKube) -> None:
    """404 before anything else."""
    assert kube.refused("PUT", f"{WIDGETS}/x", widget("x"))[0] == 404


def test_writes_that_change_nothing_keep_the_revision(kube: InMemoryKube) -> None:
    """A no-op makes no event."""
    stored = kube.ok("POST", WIDGETS, widget("x"))
    kube.now += 100
    assert kube.ok("PUT", f"{WIDGETS}/x", stored) == stored
    assert kube.ok("PATCH", f"{WIDGETS}/x", {}, content=MERGE_PATCH) == stored


def test_built_in_kinds_can_be_replaced_without_a_revision(kube: InMemoryKube) -> None:
    """An unconditional update."""
    path = "/api/v1/namespaces/default/configmaps"
    kube.ok("POST", path, {"metadata": {"name": "c"}})
    assert kube.ok("PUT", f"{path}/c", {"metadata": {"name": "c"}, "data": {"a": "b"}})["data"] == {"a": "b"}


def test_status_is_written_apart(kube: InMemoryKube) -> None:
    """Each path changes its own part, and owns it."""
    stored = kube.ok("POST", WIDGETS, {**widget("x"), "status": {"n": 1}})
    assert "status" not in stored
    after = kube.ok("PUT", f"{WIDGETS}/x/status", {**stored, "spec": {"size": 9}, "status": {"n": 2}})
    assert (after["spec"]["size"], after["status"]) == (1, {"n": 2})
    entry = next(entry for entry in after["metadata"]["managedFields"] if entry.get("subresource") == "status")
    assert entry["fieldsV1"] == {"f:status": {".": {}, "f:n": {}}}


def test_namespaces_are_finalized(kube: InMemoryKube) -> None:
    """The finalize path changes spec.finalizers, and nothing else does."""
    kube.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    path = "/api/v1/namespaces/n"
    kept = kube.ok("PUT", path, {"metadata": {"name": "n"}, "spec": {"finalizers": ["a.b/c"]}})
    assert kept["spec"] == {"finalizers": ["kubernetes"]}
    changed = kube.ok("PUT", f"{path}/finalize", {"metadata": {"name": "n"}, "spec": {"finalizers": ["a.b/c"]}})
    assert changed["spec"] == {"finalizers": ["a.b/c"]}


class Meddling(OpenAdmission):
    """Changes the stored object while a write is being admitted, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.store = Store()

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None:
        if operation == "UPDATE" and self.times and old is not None:
            self.times -= 1
            self.store.put(write.kind.collection, {**old, "other": self.times}, old["metadata"]["resourceVersion"])


def meddled(times: int) -> InMemoryKube:
    admission = Meddling(times)
    kube = with_widgets(admission)
    admission.store = kube.store
    kube.ok("POST", WIDGETS, widget("x"))
    return kube


def test_patches_are_tried_again_over_a_newer_object() -> None:
    """A write in between is no reason to fail."""
    assert meddled(2).ok("PATCH", f"{WIDGETS}/x", {"spec": {"size": 5}}, content=MERGE_PATCH)["spec"]["size"] == 5


def test_patches_give_up_in_the_end() -> None:
    """409 when others are always faster."""
    assert meddled(99).refused("PATCH", f"{WIDGETS}/x", {"spec": {"size": 5}}, content=MERGE_PATCH)[0] == 409


def test_writes_by_revision_are_not_tried_again() -> None:
    """The client's view is outdated, and only it knows what to do."""
    kube = meddled(1)
    stored = kube.ok("GET", f"{WIDGETS}/x")
    assert kube.refused("PUT", f"{WIDGETS}/x", {**stored, "spec": {"size": 5}})[0] == 409


class Racing(OpenAdmission):
    """Another writer makes the object while this create is being admitted."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None:
        if operation == "CREATE" and new is not None and write.kind.plural == "widgets":
            self.store.put(write.kind.collection, {**new, "metadata": {**new["metadata"], "uid": "first"}}, None)


def test_the_first_of_two_creates_wins() -> None:
    """The second one is told that the object is there."""
    admission = Racing()
    kube = with_widgets(admission)
    admission.store = kube.store
    assert kube.refused("POST", WIDGETS, widget("x"))[0] == 409


class RacingOnce(OpenAdmission):
    """Another writer makes the object while the first apply is being admitted."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.done = False

    async def validate(self, write: Write, operation: str, new: Object | None, old: Object | None) -> None:
        if operation == "CREATE" and new is not None and write.kind.plural == "widgets" and not self.done:
            self.done = True
            self.store.put(write.kind.collection, {**new, "spec": {"size": 9, "parts": []}}, None)


def test_an_apply_changes_what_another_made_meanwhile() -> None:
    """It does not care who was first."""
    admission = RacingOnce()
    kube = with_widgets(admission)
    admission.store = kube.store
    answer = kube.call(
        "PATCH", f"{WIDGETS}/x", widget("x", size=2), content="application/apply-patch+yaml", fieldManager="m"
    )
    assert answer.code == 200
    assert isinstance(answer.body, dict)
    assert answer.body["spec"]["size"] == 2


def test_release_waits_for_finalizers_and_grace() -> None:
    """Of a namespace, also for those of its spec."""
    assert is_released({"kind": "Widget", "metadata": {}})
    assert not is_released({"kind": "Widget", "metadata": {"finalizers": ["a/b"]}})
    assert not is_released({"kind": "Pod", "metadata": {"deletionGracePeriodSeconds": 30}})
    assert not is_released({"kind": "Namespace", "metadata": {}, "spec": {"finalizers": ["kubernetes"]}})


def test_the_last_write_of_a_deletion_removes() -> None:
    """One event, the deletion."""
    store = Store()
    stored = store.put(
        ("", "w"), {"kind": "W", "metadata": {"name": "x", "finalizers": ["a/b"], "deletionTimestamp": "t"}}, None
    )
    released = {**stored, "metadata": {"name": "x", "deletionTimestamp": "t"}}
    settled(store, ("", "w"), released, stored["metadata"]["resourceVersion"])
    assert [event.type for event in store.since(1)] == ["ADDED", "DELETED"]
    with pytest.raises(ChangedError):
        settled(store, ("", "w"), stored, "1")


def test_a_name_on_the_path_of_a_create_must_fit() -> None:
    """As for kinds that are created under their name."""
    kube = with_widgets()
    kind = kube.kubernetes.registry.find("example.com", "v1", "widgets")
    assert kind is not None
    writer = Writer(kube.store, OpenAdmission(), lambda: kube.now)
    with pytest.raises(ApiError, match="does not match the name on the URL"):
        run(writer.create(Write(kind, "default", "y", ADMIN, "m"), widget("x")))


def test_other_versions_are_the_same_objects() -> None:
    """Stored in one version, shown in the one that was asked for."""
    kube = InMemoryKube()
    crd = widget_crd()
    crd["spec"]["versions"].append({**crd["spec"]["versions"][0], "name": "v2", "storage": False})
    kube.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    newer = WIDGETS.replace("/v1/", "/v2/")
    assert kube.ok("POST", newer, {**widget("x"), "apiVersion": "example.com/v2"})["apiVersion"] == "example.com/v2"
    assert kube.ok("GET", f"{WIDGETS}/x")["apiVersion"] == "example.com/v1"
    assert kube.ok("GET", newer)["items"][0]["apiVersion"] == "example.com/v2"
    patched = kube.ok("PATCH", f"{newer}/x", {"spec": {"size": 3}}, content=MERGE_PATCH)
    assert (patched["apiVersion"], patched["spec"]["size"]) == ("example.com/v2", 3)
