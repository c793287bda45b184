"""Google Cloud on one address."""

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp_fakes.google import Google


def test_keys_are_published_and_strangers_are_nobody() -> None:
    """With how long they may be kept."""
    with Google() as google:
        http = BlockingHttp(ca_file=str(google.ca_file))
        keys = run(http.request("GET", f"{google.url}/oauth2/v3/certs"))
        assert keys.headers["cache-control"] == "public, max-age=21600"
        assert keys.json_object("x") == google.keys.key_set()
        headers = {"authorization": "Bearer nobody"}
        assert run(http.request("GET", f"{google.url}/v1/projects/p/serviceAccounts/a", headers=headers)).status == 401


def test_projects_have_pools_of_their_own() -> None:
    """By their numbers."""
    with Google() as google:
        one, other = google.project("one", "https://i"), google.project("other", "https://i")
        assert one.pool_provider != other.pool_provider
