import base64
import json
from typing import Any

import pytest
from attrs import evolve

from aegis_local.kube.admission_reviews import BadAnswerError, denial, patched, request_of, review, verdict_of
from aegis_local.kube.admission_rules import Attributes
from aegis_local.kube.errors import ApiError
from aegis_local.kube.kinds import builtin_kinds

POD_KIND = next(kind for kind in builtin_kinds() if kind.kind == "Pod")
POD = {"metadata": {"name": "p"}}
CREATE = Attributes("CREATE", POD_KIND, "", "shop", "", POD, None, {"username": "u"}, {"kind": "CreateOptions"}, False)


def answer(**response: Any) -> bytes:
    return json.dumps(
        {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": {"uid": "1", **response}}
    ).encode()


def test_a_review_is_what_the_api_server_sends() -> None:
    """Names that are not known yet are left out, absent objects are null."""
    sent = review(request_of(CREATE, "1"))
    assert sent == {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "u"},
            "object": POD,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions"},
        },
    }
    status = request_of(evolve(CREATE, subresource="status", name="p", namespace="", options={}), "1")
    assert (status["subResource"], status["requestSubResource"], status["name"], status["options"]) == (
        "status",
        "status",
        "p",
        None,
    )
    assert "namespace" not in status


def test_verdicts() -> None:
    """Allowed or not, with a patch, a status and warnings."""
    patch = base64.b64encode(b'[{"op": "remove", "path": "/x"}]').decode()
    verdict = verdict_of(answer(allowed=True, patchType="JSONPatch", patch=patch, warnings=["w"]), "1")
    assert (verdict.allowed, verdict.patch, verdict.warnings) == (True, [{"op": "remove", "path": "/x"}], ("w",))
    assert verdict_of(answer(status={"message": "m"}), "1").status == {"message": "m"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"x", "not JSON"),
        (b"[]", "got list"),
        (b"{}", "got None, Kind=None"),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}', "response was absent"),
        (answer(uid="2"), 'expected response.uid="1", got "2"'),
        (answer(patchType="JSONPatch"), "patchType but not response.patch"),
        (answer(patch="W10="), "invalid response.patchType"),
        (answer(patch="?", patchType="JSONPatch"), "not JSON in base64"),
        (answer(patch="e30=", patchType="JSONPatch"), "not a list"),
    ],
)
def test_answers_that_are_none(body: bytes, message: str) -> None:
    """A webhook that does not keep to the protocol has failed."""
    with pytest.raises(BadAnswerError, match=message):
        verdict_of(body, "1")


def test_patches_are_applied() -> None:
    """One that does not apply, or leaves no object, is an internal error."""
    assert patched(POD, [{"op": "add", "path": "/a", "value": 1}], "w") == {**POD, "a": 1}
    for operations in ([{"op": "remove", "path": "/none"}], [{"op": "replace", "path": "", "value": 1}]):
        with pytest.raises(ApiError, match='webhook "w"') as refusal:
            patched(POD, operations, "w")
        assert refusal.value.code == 500


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ({"code": 422, "message": "no", "reason": "Invalid"}, 422, 'admission webhook "w" denied the request: no'),
        ({"code": 200, "reason": "Because"}, 400, 'admission webhook "w" denied the request: Because'),
        ({}, 400, 'admission webhook "w" denied the request without explanation'),
    ],
)
def test_denials(status: dict[str, Any], code: int, message: str) -> None:
    """The webhook's own code and words; never a code below 400."""
    refusal = denial("w", status)
    assert (refusal.code, refusal.message) == (code, message)
