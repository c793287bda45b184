"""AdmissionReview (admission.k8s.io/v1): what is sent to a webhook, and what its answer means. Pure."""

import base64
import binascii
import json
from typing import Any

from attrs import field, frozen

from aegis_local.kube.admission_rules import Attributes, namespace_of_request
from aegis_local.kube.errors import ApiError
from aegis_local.kube.objects import Object
from aegis_local.kube.patches import BadPatchError, json_patch

API_VERSION = "admission.k8s.io/v1"


class BadAnswerError(Exception):
    """The webhook answered something that is no answer to the review; the text says what."""


@frozen
class Verdict:
    """A webhook's answer. `patch` is JSON Patch operations, `status` the Status of a denial."""

    allowed: bool
    patch: list[Any] | None = None
    status: Object = field(factory=dict)
    warnings: tuple[str, ...] = ()


def request_of(asked: Attributes, uid: str) -> Object:
    """The `request` of a review, as kube-apiserver sends it."""
    kind = asked.kind
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    gvr = {"group": kind.group, "version": kind.version, "resource": kind.plural}
    sub = {"subResource": asked.subresource} if asked.subresource else {}
    request_sub = {"requestSubResource": asked.subresource} if asked.subresource else {}
    namespace = namespace_of_request(asked)
    return {
        "uid": uid,
        "kind": gvk,
        "resource": gvr,
        **sub,
        "requestKind": gvk,
        "requestResource": gvr,
        **request_sub,
        **({"name": asked.name} if asked.name else {}),
        **({"namespace": namespace} if namespace else {}),
        "operation": asked.operation,
        "userInfo": asked.user,
        "object": asked.object,
        "oldObject": asked.old,
        "dryRun": asked.dry_run,
        "options": asked.options or None,
    }


def review(request: Object) -> Object:
    return {"kind": "AdmissionReview", "apiVersion": API_VERSION, "request": request}


def verdict_of(body: bytes, uid: str) -> Verdict:
    """Read a webhook's body. Raises BadAnswerError."""
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise BadAnswerError(f"the body is not JSON: {error}") from error
    if not isinstance(answer, dict) or (answer.get("kind"), answer.get("apiVersion")) != (
        "AdmissionReview",
        API_VERSION,
    ):
        found = (
            f"{answer.get('apiVersion')}, Kind={answer.get('kind')}"
            if isinstance(answer, dict)
            else type(answer).__name__
        )
        raise BadAnswerError(f"expected webhook response of {API_VERSION}, Kind=AdmissionReview, got {found}")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise BadAnswerError("webhook response was absent")
    if response.get("uid") != uid:
        raise BadAnswerError(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
    status = response.get("status") or response.get("result") or {}
    warnings = tuple(str(text) for text in response.get("warnings") or ())
    return Verdict(bool(response.get("allowed")), _patch(response), status, warnings)


def _patch(response: Object) -> list[Any] | None:
    if not response.get("patch"):
        if response.get("patchType"):
            raise BadAnswerError("webhook returned response.patchType but not response.patch")
        return None
    if response.get("patchType") != "JSONPatch":
        raise BadAnswerError(f'invalid response.patchType, expected "JSONPatch", got "{response.get("patchType", "")}"')
    try:
        patch = json.loads(base64.b64decode(response["patch"], validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadAnswerError(f"response.patch is not JSON in base64: {error}") from error
    if not isinstance(patch, list):
        raise BadAnswerError("response.patch is not a list of operations")
    return patch


def patched(obj: Object, patch: list[Any], webhook: str) -> Object:
    """The object with a webhook's patch. Raises ApiError (500)."""
    try:
        result = json_patch(obj, patch)
    except BadPatchError as error:
        raise ApiError(
            500,
            "InternalError",
            f'Internal error occurred: webhook "{webhook}" sent a patch that does not apply: {error}',
        ) from error
    if not isinstance(result, dict):
        raise ApiError(
            500,
            "InternalError",
            f'Internal error occurred: webhook "{webhook}" patched the object into a {type(result).__name__}',
        )
    return result


def denial(webhook: str, status: Object) -> ApiError:
    """The refusal that the client sees."""
    by = f'admission webhook "{webhook}" denied the request'
    why = status.get("message") or status.get("reason")
    code = status.get("code") or 0
    return ApiError(
        code if isinstance(code, int) and code >= 400 else 400,
        str(status.get("reason") or ""),
        f"{by}: {why}" if why else f"{by} without explanation",
        status.get("details"),
    )
