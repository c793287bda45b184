"""AdmissionReviews."""

import base64
import json
from typing import Any

import pytest

from aegis_webhook.decision import Refuse
from aegis_webhook.review import API_VERSION, BadReview, Review, allowed, read_review, refused
from support.admission import review

REVIEW = Review("uid-1", "CREATE", "Pod", "shop")


def test_what_the_api_server_sends() -> None:
    """A review has an object, an operation and a namespace of its own."""
    read = read_review(json.dumps(review({"kind": "Pod"}, dryRun=True, subResource="status")).encode())
    assert read == Review("uid-1", "CREATE", "Pod", "shop", "status", {"kind": "Pod"})


def test_objects_may_be_absent() -> None:
    """A deletion brings no object, and a cluster-scoped one no namespace."""
    read = read_review(json.dumps(review(None, "DELETE", namespace=None)).encode())
    assert (read.document, read.namespace) == (None, "")


def without(name: str) -> dict[str, Any]:
    document = review({})
    del document["request"][name]
    return document


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (json.dumps(review({})).encode()[:-5], "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[]", "the document: got an empty list, wanted an object"),
        (json.dumps({**review({}), "apiVersion": "admission.k8s.io/v1beta1"}), "apiVersion: got"),
        (json.dumps({**review({}), "kind": "Pod"}), 'kind: got "Pod", wanted AdmissionReview'),
        (json.dumps({**review({}), "request": None}), "the document: got no request"),
        (json.dumps(without("uid")), "request: got no uid"),
        (json.dumps(review({}, uid="")), 'request.uid: got "", wanted the uid to answer to'),
        (json.dumps(review({}, uid=1)), "request.uid: got 1, wanted a string"),
        (json.dumps(review({}, "PATCH")), 'request.operation: got "PATCH"'),
        (json.dumps(without("kind")), "request: got no kind"),
        (json.dumps(review({}, object="x")), 'request.object: got "x", wanted an object'),
    ],
    ids=lambda value: f"W01-{value[:40]}" if isinstance(value, str) else "",
)
def test_what_is_no_review(body: bytes | str, text: str) -> None:
    """A body that cannot be answered is refused in one sentence."""
    with pytest.raises(BadReview) as error:
        read_review(body if isinstance(body, bytes) else body.encode())
    assert text in str(error.value)


def test_answers() -> None:
    """The uid is echoed, a patch is encoded, and what is empty is left out."""
    assert allowed(REVIEW) == {
        "apiVersion": API_VERSION,
        "kind": "AdmissionReview",
        "response": {"uid": "uid-1", "allowed": True},
    }
    operations = [{"op": "add", "path": "/a", "value": 1}]
    response = allowed(REVIEW, operations, ["careful"], ["inject"])["response"]
    assert json.loads(base64.b64decode(response["patch"])) == operations
    assert (response["patchType"], response["warnings"]) == ("JSONPatch", ["careful"])
    assert response["auditAnnotations"] == {"decision": "inject"}
    response = refused(REVIEW, Refuse("no", 422))["response"]
    assert response == {"uid": "uid-1", "allowed": False, "status": {"code": 422, "message": "no"}}
