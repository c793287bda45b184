from typing import Any

import pytest

from aegis_local.kube import errors
from aegis_local.kube.errors import ApiError, Cause, FieldError


@pytest.mark.parametrize(
    ("refusal", "code", "reason", "message"),
    [
        (errors.not_found("", "pods", "x"), 404, "NotFound", 'pods "x" not found'),
        (errors.not_found("e.com", "widgets", "x"), 404, "NotFound", 'widgets.e.com "x" not found'),
        (errors.no_such_path(), 404, "NotFound", "the server could not find the requested resource"),
        (errors.already_exists("", "pods", "x"), 409, "AlreadyExists", 'pods "x" already exists'),
        (
            errors.conflict("", "pods", "x"),
            409,
            "Conflict",
            (
                'Operation cannot be fulfilled on pods "x": the object has been modified; '
                "please apply your changes to the latest version and try again"
            ),
        ),
        (errors.forbidden("", "pods", "", "no"), 403, "Forbidden", "pods is forbidden: no"),
        (errors.forbidden("", "pods", "x", "no"), 403, "Forbidden", 'pods "x" is forbidden: no'),
        (errors.unauthorized(), 401, "Unauthorized", "Unauthorized"),
        (errors.bad_request("m"), 400, "BadRequest", "m"),
        (
            errors.method_not_allowed(),
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        (errors.not_acceptable("a/b"), 406, "NotAcceptable", "only the following media types are accepted: a/b"),
        (errors.expired("m"), 410, "Expired", "m"),
        (errors.too_large_resource_version(9, 5), 504, "Timeout", "Too large resource version: 9, current: 5"),
        (errors.internal("m"), 500, "InternalError", "Internal error occurred: m"),
    ],
)
def test_refusals_are_worded_as_the_api_server_does(refusal: ApiError, code: int, reason: str, message: str) -> None:
    """Code, reason and message of a Status."""
    status = refusal.status()
    assert (status["kind"], status["status"]) == ("Status", "Failure")
    assert (status["code"], status["reason"], status["message"]) == (code, reason, message)


def test_invalid_objects_list_their_errors() -> None:
    """One error stands alone, several in brackets; each is a cause."""
    one = errors.required("spec.a", "give it")
    two = errors.forbidden_value("spec.b", "never")
    assert (
        errors.invalid("e.com", "Widget", "x", [one]).message
        == 'Widget.e.com "x" is invalid: spec.a: Required value: give it'
    )
    refusal = errors.invalid("", "Pod", "x", [one, two])
    assert refusal.message == 'Pod "x" is invalid: [spec.a: Required value: give it, spec.b: Forbidden: never]'
    assert refusal.details["causes"][1] == {
        "reason": "FieldValueForbidden",
        "message": "Forbidden: never",
        "field": "spec.b",
    }


def test_apply_conflict_counts() -> None:
    """One conflict, or several."""
    cause = Cause("FieldManagerConflict", 'conflict with "a"', ".x")
    assert errors.apply_conflict([cause], "t").message == "Apply failed with 1 conflict: t"
    assert errors.apply_conflict([cause, cause], "t").message == "Apply failed with 2 conflicts: t"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ('a"b\n', '"a\\"b\\n"'),
        ({"b": 1, "a": [1.5]}, '{"a":[1.5],"b":1}'),
    ],
)
def test_values_in_messages(value: Any, text: str) -> None:
    """As JSON, in the order of the keys."""
    assert errors.shown(value) == text


def test_a_cause_without_a_field() -> None:
    """The field is left out; a reason too, when there is none."""
    assert Cause("R", "m").rendered() == {"reason": "R", "message": "m"}
    assert "reason" not in ApiError(500, "", "m").status()
    assert str(FieldError("R", "f", "t")) == "f: t"
    assert str(errors.unsupported("f", "c", ["a"])) == 'f: Unsupported value: "c": supported values: "a"'
    assert str(errors.duplicate("f", "c")) == 'f: Duplicate value: "c"'
