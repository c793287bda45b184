"""A source file for functions-framework whose work a test provides."""

import importlib
from collections.abc import Callable

import flask

from aegis_reconcile.events import Work
from aegis_reconcile.function import answer
from aegis_reconcile.outcome import Later


def nothing(_: Work) -> Later | None:
    """All is as it should be."""
    return None


reconcile: Callable[[Work], Later | None] = nothing


def function(request: flask.Request) -> flask.Response:
    """functions-framework loads this file once more: the test's work is in the module that the test imported."""
    return answer(request, importlib.import_module("support.function_under_test").reconcile)
