"""What functions-framework loads."""

from pathlib import Path

import pytest

from aegis_webhook import entry
from support.admission import app_of, kubeconfig


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Each test makes its own webhook."""
    entry._webhook.cache_clear()


def test_without_an_api_server_the_function_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A webhook that cannot reach its cluster refuses for now, and tries again at the next request."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    client = app_of(Path(entry.__file__)).test_client()
    for _ in range(2):
        response = client.get("/healthz")
        assert response.status_code == 503
        assert b"neither a kubeconfig nor a ServiceAccount" in response.data


def test_the_webhook_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a way to the API server, the function answers, without asking it before it must."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "http://127.0.0.1:9"))
    client = app_of(Path(entry.__file__)).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz").data == b"ok\n"
