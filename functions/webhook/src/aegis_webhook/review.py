"""AdmissionReview (admission.k8s.io/v1): what the API server asks, and the answer."""

import base64
import json
from collections.abc import Sequence

from attrs import field, frozen

from aegis_api.reading import Node, ParseError
from aegis_webhook.decision import Object, Refuse

API_VERSION = "admission.k8s.io/v1"

LARGEST_REVIEW = 7 << 20
"""Bytes. An object has at most 3 MiB, and an update brings the old one along."""


class BadReview(ValueError):  # it names what came
    """A request body that is no AdmissionReview we can answer. Its text says why."""


@frozen
class Review:
    """`operation` is CREATE, UPDATE, DELETE or CONNECT; `document` is None where the API server sends no object.

    `namespace` is empty for cluster-scoped objects, and the only truth: a pod's own metadata may not name one yet.
    """

    uid: str
    operation: str
    kind: str
    namespace: str = ""
    subresource: str = ""
    document: Object | None = field(default=None, repr=False)


def read_review(body: bytes) -> Review:
    """Raises BadReview."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadReview("the body is not JSON") from None
    try:
        return _read(Node(document))
    except ParseError as error:
        raise BadReview(str(error)) from error


def _read(node: Node) -> Review:
    fields = node.fields()
    fields.required("apiVersion").one_of({API_VERSION: None})
    fields.required("kind").one_of({"AdmissionReview": None})
    request = fields.required("request").fields()
    uid = request.required("uid")
    if not uid.string():
        raise uid.refuse("the uid to answer to")
    namespace, subresource, found = (request.optional(name) for name in ("namespace", "subResource", "object"))
    if found is not None:
        found.fields()
    return Review(
        uid=uid.string(),
        operation=request.required("operation").one_of(
            {name: name for name in ("CREATE", "UPDATE", "DELETE", "CONNECT")}
        ),
        kind=request.required("kind").fields().required("kind").string(),
        namespace=namespace.string() if namespace else "",
        subresource=subresource.string() if subresource else "",
        document=found.value if found and isinstance(found.value, dict) else None,
    )


def allowed(
    review: Review, patch: Sequence[Object] = (), warnings: Sequence[str] = (), audit: Sequence[str] = ()
) -> Object:
    """Let it through, changed by a JSON Patch. `audit` goes into the API server's audit log."""
    response: Object = {"uid": review.uid, "allowed": True}
    if patch:
        encoded = base64.b64encode(json.dumps(list(patch)).encode()).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    if audit:
        response["auditAnnotations"] = {"decision": "; ".join(audit)}
    return _answer(response, warnings)


def refused(review: Review, refuse: Refuse, warnings: Sequence[str] = ()) -> Object:
    """The client sees why."""
    status = {"code": refuse.code, "message": refuse.why}
    return _answer({"uid": review.uid, "allowed": False, "status": status}, warnings)


def _answer(response: Object, warnings: Sequence[str]) -> Object:
    if warnings:
        response["warnings"] = list(warnings)
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
