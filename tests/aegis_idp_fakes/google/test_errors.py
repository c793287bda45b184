"""How Google Cloud says no."""

import json

from aegis_idp_fakes.google.errors import api_error, sts_error


def test_errors_have_the_forms_that_sdks_read() -> None:
    """That of OAuth, and that of all other APIs."""
    assert json.loads(sts_error("invalid_grant", "x").answer.body) == {
        "error": "invalid_grant",
        "error_description": "x",
    }
    answer = api_error(403, "PERMISSION_DENIED", "x").answer
    assert answer.status == 403
    assert json.loads(answer.body) == {"error": {"code": 403, "message": "x", "status": "PERMISSION_DENIED"}}
