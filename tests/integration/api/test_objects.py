"""Objects in the API: writing, versions, the status subresource, patches, dry run, finalizers."""

from typing import Any

import pytest

from support.kube_client import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, KubeClient, path_of
from support.waiting import eventually
from support.widgets import widget, widgets_in


def test_created_object_has_the_servers_metadata(client: KubeClient, namespace: str) -> None:
    """A new object gets uid, resourceVersion, creationTimestamp, namespace and generation 1."""
    answer = client.create(widgets_in(namespace), widget("a"))
    assert answer.status == 201
    metadata = answer.body["metadata"]
    assert metadata["namespace"] == namespace
    assert metadata["generation"] == 1
    assert metadata["uid"]
    assert int(metadata["resourceVersion"]) > 0
    assert metadata["creationTimestamp"].endswith("Z")
    assert client.get(widgets_in(namespace, "a")).ok() == answer.body


def test_name_is_taken_once(client: KubeClient, namespace: str) -> None:
    """A second object of the same name is refused with 409 AlreadyExists."""
    client.create(widgets_in(namespace), widget("a")).ok()
    answer = client.create(widgets_in(namespace), widget("a"))
    assert (answer.status, answer.reason) == (409, "AlreadyExists")
    assert answer.message == 'widgets.tests.example "a" already exists'


def test_missing_object_is_named(client: KubeClient, namespace: str) -> None:
    """Getting, patching and deleting what is not there is 404 NotFound with the name."""
    path = widgets_in(namespace, "a")
    for answer in (client.get(path), client.delete(path), client.patch(path, {}), client.replace(path, widget("a"))):
        assert (answer.status, answer.reason) == (404, "NotFound")
        assert answer.message == 'widgets.tests.example "a" not found'
        assert answer.body["details"] == {"name": "a", "group": "tests.example", "kind": "widgets"}


def test_object_in_a_missing_namespace_is_refused(client: KubeClient) -> None:
    """Nothing can be created in a namespace that does not exist."""
    answer = client.create(widgets_in("no-such-namespace"), widget("a"))
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.message == 'namespaces "no-such-namespace" not found'


def test_generate_name_makes_distinct_names(client: KubeClient, namespace: str) -> None:
    """`generateName` is a prefix to which the server adds five characters."""
    body = widget("x") | {"metadata": {"generateName": "made-"}}
    names = {client.create(widgets_in(namespace), body).ok()["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert {(name[:5], len(name)) for name in names} == {("made-", 10)}


@pytest.mark.parametrize("name", ["Upper", "under_score", "-a", "a" * 254, "a..b"])
def test_names_are_dns_names(client: KubeClient, namespace: str, name: str) -> None:
    """A name that is no DNS subdomain is refused with 422 Invalid."""
    answer = client.create(widgets_in(namespace), widget(name))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "metadata.name"


@pytest.mark.parametrize(
    "metadata",
    [{"labels": {"-bad": "x"}}, {"labels": {"a": "not ok"}}, {"annotations": {"bad key": "x"}}],
    ids=["label key", "label value", "annotation key"],
)
def test_labels_and_annotations_are_checked(client: KubeClient, namespace: str, metadata: dict[str, Any]) -> None:
    """Keys and values that break the syntax of labels and annotations are refused."""
    body = widget("a")
    body["metadata"] |= metadata
    answer = client.create(widgets_in(namespace), body)
    assert (answer.status, answer.reason) == (422, "Invalid")


def test_generation_counts_changes_of_the_spec_only(client: KubeClient, namespace: str) -> None:
    """metadata and status leave `generation` alone, the spec raises it, a write without a change raises nothing."""
    path = widgets_in(namespace, "a")
    client.create(widgets_in(namespace), widget("a")).ok()
    labelled = client.patch(path, {"metadata": {"labels": {"x": "y"}}}).ok()["metadata"]
    assert labelled["generation"] == 1
    changed = client.patch(path, {"spec": {"size": 2}}).ok()["metadata"]
    assert changed["generation"] == 2
    client.patch(f"{path}/status", {"status": {"observedGeneration": 2}}).ok()
    assert client.get(path).ok()["metadata"]["generation"] == 2
    before = client.get(path).ok()["metadata"]["resourceVersion"]
    same = client.patch(path, {"spec": {"size": 2}}).ok()["metadata"]
    assert (same["generation"], same["resourceVersion"]) == (2, before)


def test_status_is_written_by_its_subresource_only(client: KubeClient, namespace: str) -> None:
    """A write to the object ignores `status`; a write to `/status` ignores everything else."""
    path = widgets_in(namespace, "a")
    created = client.create(widgets_in(namespace), widget("a") | {"status": {"observedGeneration": 9}}).ok()
    assert "status" not in created
    assert "status" not in client.patch(path, {"status": {"observedGeneration": 9}}).ok()
    body = {"spec": {"size": 50}, "status": {"observedGeneration": 1}, "metadata": {"labels": {"a": "b"}}}
    after = client.patch(f"{path}/status", body).ok()
    assert after["status"] == {"observedGeneration": 1}
    assert after["spec"]["size"] == 1
    assert "labels" not in after["metadata"]
    replaced = client.replace(path, {**after, "status": {"observedGeneration": 7}, "spec": {"size": 3}}).ok()
    assert (replaced["status"], replaced["spec"]["size"]) == ({"observedGeneration": 1}, 3)


def test_status_subresource_can_be_read(client: KubeClient, namespace: str) -> None:
    """GET of `/status` gives the whole object."""
    created = client.create(widgets_in(namespace), widget("a")).ok()
    assert client.get(widgets_in(namespace, "a", "status")).ok() == created


def test_stale_write_is_a_conflict(client: KubeClient, namespace: str) -> None:
    """A replace with an old resourceVersion is 409 Conflict, and so is a patch that names one."""
    path = widgets_in(namespace, "a")
    old = client.create(widgets_in(namespace), widget("a")).ok()
    client.patch(path, {"spec": {"size": 2}}).ok()
    stale = client.replace(path, old)
    assert (stale.status, stale.reason) == (409, "Conflict")
    assert "the object has been modified" in stale.message
    patched = client.patch(path, {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}})
    assert (patched.status, patched.reason) == (409, "Conflict")


def test_replace_needs_the_same_name_and_a_version(client: KubeClient, namespace: str) -> None:
    """The name in the body must be that of the path; a custom resource is replaced only with a resourceVersion."""
    client.create(widgets_in(namespace), widget("a")).ok()
    other = client.replace(widgets_in(namespace, "a"), widget("b"))
    assert (other.status, other.reason) == (400, "BadRequest")
    blind = client.replace(widgets_in(namespace, "a"), widget("a"))
    assert (blind.status, blind.reason) == (422, "Invalid")
    assert "metadata.resourceVersion" in blind.message


def test_body_of_another_namespace_or_kind_is_refused(client: KubeClient, namespace: str) -> None:
    """What the body says must be what the path says."""
    elsewhere = widget("a")
    elsewhere["metadata"]["namespace"] = "elsewhere"
    assert client.create(widgets_in(namespace), elsewhere).status == 400
    assert client.create(widgets_in(namespace), widget("a") | {"kind": "Gadget"}).status == 422
    assert client.create(widgets_in(namespace), widget("a") | {"apiVersion": "tests.example/v2"}).status == 400


def test_immutable_metadata_stays(client: KubeClient, namespace: str) -> None:
    """uid and creationTimestamp cannot be changed by a write."""
    path = widgets_in(namespace, "a")
    created = client.create(widgets_in(namespace), widget("a")).ok()
    body = {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 77}}
    after = client.patch(path, body).ok()["metadata"]
    assert after["creationTimestamp"] == created["metadata"]["creationTimestamp"]
    assert after["generation"] == 1
    other_uid = client.patch(path, {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}})
    assert (other_uid.status, other_uid.reason) == (422, "Invalid")


def test_merge_patch_removes_with_null_and_replaces_lists(client: KubeClient, namespace: str) -> None:
    """RFC 7386: null removes a member, a list is replaced whole."""
    path = widgets_in(namespace, "a")
    client.create(widgets_in(namespace), widget("a", labels={"x": "1", "y": "2"}, tags=["p", "q"])).ok()
    spec = client.patch(path, {"spec": {"labels": {"x": None}, "tags": ["r"]}}, MERGE_PATCH).ok()["spec"]
    assert spec["labels"] == {"y": "2"}
    assert spec["tags"] == ["r"]


def test_json_patch_applies_all_or_nothing(client: KubeClient, namespace: str) -> None:
    """RFC 6902: operations in order; a failed `test` changes nothing and is 422."""
    path = widgets_in(namespace, "a")
    client.create(widgets_in(namespace), widget("a", tags=["p"])).ok()
    operations = [
        {"op": "test", "path": "/spec/size", "value": 1},
        {"op": "replace", "path": "/spec/size", "value": 5},
        {"op": "add", "path": "/spec/tags/-", "value": "q"},
        {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "1"}},
    ]
    after = client.patch(path, operations, JSON_PATCH).ok()
    assert (after["spec"]["size"], after["spec"]["tags"]) == (5, ["p", "q"])
    failing = [{"op": "replace", "path": "/spec/size", "value": 6}, {"op": "test", "path": "/spec/size", "value": 1}]
    assert client.patch(path, failing, JSON_PATCH).status == 422
    removed = client.patch(path, [{"op": "remove", "path": "/metadata/annotations/a~1b"}], JSON_PATCH).ok()
    assert "annotations" not in removed["metadata"]
    assert removed["spec"]["size"] == 5


def test_json_patch_to_a_missing_place_is_refused(client: KubeClient, namespace: str) -> None:
    """An operation on a path that is not there is 422."""
    client.create(widgets_in(namespace), widget("a")).ok()
    operations = [{"op": "replace", "path": "/spec/labels/x", "value": "1"}]
    assert client.patch(widgets_in(namespace, "a"), operations, JSON_PATCH).status == 422


def test_unknown_patch_formats_are_refused(client: KubeClient, namespace: str) -> None:
    """Strategic merge patch is for built-in kinds; plain JSON is no patch format at all."""
    client.create(widgets_in(namespace), widget("a")).ok()
    for content_type in (STRATEGIC_MERGE_PATCH, "application/json"):
        answer = client.patch(widgets_in(namespace, "a"), {"spec": {"size": 2}}, content_type)
        assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")


def test_strategic_merge_patch_merges_lists_of_built_in_kinds(client: KubeClient, namespace: str) -> None:
    """Containers of a pod are merged by name."""
    container = {"name": "a", "image": "x"}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [container], "serviceAccountName": "default"}}
    eventually(lambda: client.get(path_of("v1", "serviceaccounts", "default", namespace)).status == 200)
    client.create(path_of("v1", "pods", namespace=namespace), pod).ok()
    body = {"spec": {"containers": [{"name": "a", "image": "y"}]}}
    after = client.patch(path_of("v1", "pods", "p", namespace), body, STRATEGIC_MERGE_PATCH).ok()
    assert [(c["name"], c["image"]) for c in after["spec"]["containers"]] == [("a", "y")]


def test_dry_run_answers_and_stores_nothing(client: KubeClient, namespace: str) -> None:
    """`dryRun=All` gives the result of a create, a patch and a delete, and leaves everything as it was."""
    path = widgets_in(namespace, "a")
    created = client.create(widgets_in(namespace), widget("a"), dryRun="All")
    assert created.status == 201
    assert created.body["spec"]["colour"] == "red"
    assert client.get(path).status == 404
    stored = client.create(widgets_in(namespace), widget("a")).ok()
    assert client.patch(path, {"spec": {"size": 9}}, dryRun="All").ok()["spec"]["size"] == 9
    assert client.delete(path, dryRun="All").status == 200
    assert client.apply(path, widget("a", size=9), force=True, dryRun="All").ok()["spec"]["size"] == 9
    assert client.get(path).ok() == stored


def test_dry_run_still_validates(client: KubeClient, namespace: str) -> None:
    """A bad object is refused in a dry run as well, and so is an unknown dry-run directive."""
    assert client.create(widgets_in(namespace), widget("a", size=0), dryRun="All").status == 422
    assert client.create(widgets_in(namespace), widget("a"), dryRun="Some").status in (400, 422)


def test_finalizer_holds_a_deleted_object(client: KubeClient, namespace: str) -> None:
    """A delete only sets deletionTimestamp while finalizers are left; the object goes with the last of them."""
    path = widgets_in(namespace, "a")
    body = widget("a")
    body["metadata"]["finalizers"] = ["tests.example/one", "tests.example/two"]
    client.create(widgets_in(namespace), body).ok()
    deleted = client.delete(path)
    assert deleted.status == 200
    assert deleted.body["metadata"]["deletionTimestamp"]
    assert deleted.body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert deleted.body["metadata"]["generation"] == 2
    kept = client.patch(path, {"metadata": {"finalizers": ["tests.example/two"]}}).ok()
    assert kept["metadata"]["deletionTimestamp"] == deleted.body["metadata"]["deletionTimestamp"]
    gone = client.patch(path, {"metadata": {"finalizers": None}})
    assert gone.status == 200
    assert client.get(path).status == 404


def test_deleted_object_takes_no_new_finalizer(client: KubeClient, namespace: str) -> None:
    """Once deletion has begun, finalizers can only go."""
    path = widgets_in(namespace, "a")
    body = widget("a")
    body["metadata"]["finalizers"] = ["tests.example/one"]
    client.create(widgets_in(namespace), body).ok()
    client.delete(path).ok()
    answer = client.patch(path, {"metadata": {"finalizers": ["tests.example/one", "tests.example/two"]}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    client.patch(path, {"metadata": {"finalizers": None}}).ok()


def test_unqualified_finalizer_is_refused(client: KubeClient, namespace: str) -> None:
    """A finalizer must be a qualified name."""
    body = widget("a")
    body["metadata"]["finalizers"] = ["not a name"]
    assert client.create(widgets_in(namespace), body).status == 422


def test_delete_preconditions_guard_against_the_wrong_object(client: KubeClient, namespace: str) -> None:
    """A delete that names another uid or resourceVersion is 409 Conflict."""
    path = widgets_in(namespace, "a")
    created = client.create(widgets_in(namespace), widget("a")).ok()["metadata"]
    options = {"kind": "DeleteOptions", "apiVersion": "v1"}
    for preconditions in ({"uid": "00000000-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}):
        answer = client.delete(path, {**options, "preconditions": preconditions})
        assert (answer.status, answer.reason) == (409, "Conflict")
    assert client.delete(path, {**options, "preconditions": {"uid": created["uid"]}}).status == 200


def test_delete_answers_with_a_status(client: KubeClient, namespace: str) -> None:
    """A custom resource that is gone at once is answered with a Status that names it and its uid."""
    created = client.create(widgets_in(namespace), widget("a")).ok()["metadata"]
    body = client.delete(widgets_in(namespace, "a")).ok()
    assert (body["kind"], body["status"]) == ("Status", "Success")
    details = {"name": "a", "group": "tests.example", "kind": "widgets", "uid": created["uid"]}
    assert body["details"] == details


def test_collection_is_deleted_by_selector(client: KubeClient, namespace: str) -> None:
    """DELETE of a collection removes what the label selector matches."""
    for name, label in (("a", "x"), ("b", "y"), ("c", "x")):
        body = widget(name)
        body["metadata"]["labels"] = {"l": label}
        client.create(widgets_in(namespace), body).ok()
    client.delete(widgets_in(namespace), labelSelector="l=x").ok()
    assert [item["metadata"]["name"] for item in client.get(widgets_in(namespace)).ok()["items"]] == ["b"]


def test_broken_json_is_a_bad_request(client: KubeClient, namespace: str) -> None:
    """A body that is no object is 400."""
    answer = client.call("POST", widgets_in(namespace), ["not", "an", "object"])
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_namespace_takes_its_objects_along(client: KubeClient) -> None:
    """Deleting a namespace removes what is in it, and then the namespace."""
    client.create("/api/v1/namespaces", {"metadata": {"name": "goes"}}).ok()
    client.create(widgets_in("goes"), widget("a")).ok()
    client.delete("/api/v1/namespaces/goes").ok()
    eventually(lambda: client.get("/api/v1/namespaces/goes").status == 404)
    assert client.get(widgets_in("goes", "a")).status == 404
