"""The HTTP function: an AdmissionReview in, its answer out.

`/mutate` injects pods, `/validate` judges the mesh's own kinds, `/validate-pod` judges the final state of pods,
`/healthz` says that the function runs.
"""

import io
import json
import logging
from collections.abc import Callable

import flask
from attrs import frozen
from werkzeug.exceptions import HTTPException

from aegis_webhook import gate
from aegis_webhook.decision import Decision, Object, Refuse, Skip, SkipReason
from aegis_webhook.inject import Injector
from aegis_webhook.kinds import Judge
from aegis_webhook.patch import difference
from aegis_webhook.review import LARGEST_REVIEW, BadReview, Review, allowed, read_review, refused

_log = logging.getLogger(__name__)


@frozen
class Webhook:
    """Answers one request with one response; it keeps nothing between them."""

    injector: Injector
    judge: Judge

    def answer(self, request: flask.Request) -> flask.Response:
        handlers = {"/mutate": self._mutate, "/validate": self._validate, "/validate-pod": self._validate_pod}
        if request.path == "/healthz" and request.method in ("GET", "HEAD"):
            return _text(200, "ok")
        if request.path not in handlers:
            return _text(404, f"got {request.path}, wanted {', '.join(handlers)} or /healthz")
        if request.method != "POST":
            return _text(405, f"got {request.method}, wanted POST with an AdmissionReview", {"Allow": "POST"})
        try:
            request.max_content_length = LARGEST_REVIEW
            review = read_review(request.get_data())
        except BadReview as error:
            return _text(400, str(error))
        except HTTPException as error:
            _forget_body(request)
            return _text(error.code or 400, f"the body cannot be read: {error.name}; at most {LARGEST_REVIEW} bytes")
        return flask.Response(json.dumps(_safely(handlers[request.path], review)), mimetype="application/json")

    def _mutate(self, review: Review) -> Object:
        if review.operation != "CREATE" or review.subresource:
            return _answer(review, Skip((SkipReason.NOT_CREATED,)))
        return _on_pod(review, lambda pod: _answer(review, self.injector.decide(pod, review.namespace)))

    def _validate_pod(self, review: Review) -> Object:
        if review.operation == "CREATE" and not review.subresource:
            return _on_pod(
                review, lambda pod: _answer(review, gate.judge_created(self.injector, pod, review.namespace))
            )
        if review.operation == "UPDATE":
            return _on_pod(review, lambda pod: _passed(review, gate.judge_updated(pod)))
        return allowed(review)

    def _validate(self, review: Review) -> Object:
        if review.operation not in ("CREATE", "UPDATE") or review.subresource:
            return allowed(review)
        if review.document is None:
            return refused(review, Refuse("request.object: got null, wanted the object to judge", 400))
        verdict = self.judge.judge(review.document, review.namespace)
        return refused(review, verdict) if isinstance(verdict, Refuse) else allowed(review, warnings=verdict.warnings)


def _forget_body(request: flask.Request) -> None:
    """Leaves nothing to read: functions-framework reads what is left after the answer, and would fail as we did."""
    request.environ |= {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
    request.__dict__.pop("stream", None)


def _safely(handle: Callable[[Review], Object], review: Review) -> Object:
    try:
        return handle(review)
    except Exception:  # noqa: BLE001  # a defect of ours, or of a plugin, refuses this one object with the uid it asked for
        _log.exception("admission failed: %s", review)
        return refused(review, Refuse("a defect of the webhook; its log says more", 500))


def _on_pod(review: Review, handle: Callable[[Object], Object]) -> Object:
    if review.kind != "Pod" or review.document is None:
        return refused(review, Refuse(f"got {review.kind} {'' if review.document else 'null'}, wanted a Pod", 400))
    return handle(review.document)


def _answer(review: Review, decision: Decision) -> Object:
    if isinstance(decision, Refuse):
        return refused(review, decision)
    if isinstance(decision, Skip):
        return allowed(review, audit=[f"skip: {reason.value}" for reason in decision.reasons])
    return allowed(review, difference(review.document, decision.pod), decision.warnings, ["inject"])


def _passed(review: Review, refuse: Refuse | None) -> Object:
    return refused(review, refuse) if refuse else allowed(review)


def _text(status: int, text: str, headers: dict[str, str] = {}) -> flask.Response:
    return flask.Response(text + "\n", status, headers, mimetype="text/plain")
