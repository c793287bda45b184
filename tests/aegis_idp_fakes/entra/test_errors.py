"""How Entra ID and Graph say no."""

import json

from aegis_idp_fakes.entra.errors import aadsts, graph_error


def test_errors_have_the_form_that_sdks_read() -> None:
    """The number of AADSTS stands in the description, and in a list."""
    entra = aadsts(70021, "No.").answer
    assert entra.status == 400
    assert json.loads(entra.body)["error_description"].startswith("AADSTS70021: No.")
    assert json.loads(entra.body)["error_codes"] == [70021]
    assert json.loads(graph_error(404, "A", "b").answer.body) == {"error": {"code": "A", "message": "b"}}
