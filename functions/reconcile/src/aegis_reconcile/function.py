"""The HTTP function: a CloudEvent in, `204`, `400` or `503` out.

The answers are for Knative's event sources: a body would make a Broker believe that the delivery failed, 500 is never
tried again by an ApiServerSource, and 503 is. So success is an empty 204, which is also the answer to what only people
can mend (a status tells them); "try again" is 503 with Retry-After; and no exception ever becomes a 500.
"""

import logging
import math
import traceback
from collections.abc import Callable

import flask
from cloudevents.exceptions import GenericException
from cloudevents.http import from_http
from werkzeug.exceptions import HTTPException

from aegis_reconcile.events import NotForUs, Work, work_of
from aegis_reconcile.outcome import Later

LARGEST_EVENT = 1 << 20
"""Bytes. A reference is a few hundred."""

_WAIT = 5
"""Seconds, where nobody said how long."""

_log = logging.getLogger(__name__)


def answer(request: flask.Request, reconcile: Callable[[Work], Later | None]) -> flask.Response:
    """One request, one answer. `reconcile` does the work of an event."""
    if request.path == "/healthz" and request.method in ("GET", "HEAD"):
        return flask.Response("ok\n", 200, mimetype="text/plain")
    if request.method != "POST":
        return _refuse(405, f"got {request.method}, wanted POST with a CloudEvent, or GET /healthz", {"Allow": "POST"})
    try:
        request.max_content_length = LARGEST_EVENT
        work = _work(request)
    except HTTPException as error:
        return _refuse(error.code or 400, f"the body cannot be read: {error.name}; at most {LARGEST_EVENT} bytes")
    except NotForUs as error:
        return _refuse(400, str(error))
    try:
        later = reconcile(work)
    except Exception as error:  # noqa: BLE001  # a defect of ours must not become a 500, which is never tried again
        # The error's own text stays out: it may quote what nobody may read.
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("the work of an event failed: %s: %s\n%s", work, type(error).__name__, where)
        later = Later("a defect of this function; its log says more")
    if later is None:
        _log.info("reconciled %s", work)
        return flask.Response(status=204)
    _log.warning("%s is to be tried again: %s", work, later.why)
    wait = max(1, math.ceil(later.retry_after or _WAIT))
    return _refuse(503, later.why, {"Retry-After": str(wait)})


def _work(request: flask.Request) -> Work:
    body = request.get_data()
    try:
        event = from_http(request.headers, body)
    except (GenericException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotForUs(
            "the request is no CloudEvent: wanted the headers ce-specversion, ce-id, ce-source and ce-type, or a body "
            f"of the type application/cloudevents+json ({type(error).__name__})"
        ) from None
    return work_of(str(event["type"]), event.data)


def _refuse(status: int, text: str, headers: dict[str, str] = {}) -> flask.Response:
    # A streamed answer: of any other, functions-framework first reads the rest of the request, however long.
    return flask.Response(iter([text + "\n"]), status, headers, mimetype="text/plain")
