"""What all fakes share."""

import pytest

from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.errors import Unavailable
from aegis_idp_fakes.server import FakeServer, Refusal


class Echo(FakeServer):
    def answer(self, request: Received) -> Answer:
        if request.path == "/no":
            raise Refusal(Answer.json(403, {"error": "no"}))
        return Answer.json(200, {"method": request.method})


def status(server: FakeServer, path: str = "/", method: str = "PATCH") -> int:
    return run(BlockingHttp(ca_file=str(server.ca_file)).request(method, server.url + path)).status


def test_it_answers_over_tls_and_counts() -> None:
    """Refusals are raised anywhere; faults come before both."""
    with Echo() as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert [status(server), status(server, "/no")] == [200, 403]
        server.faults.throttle()
        assert status(server) == 429
        assert [request.path for request in server.requests] == ["/", "/no", "/"]
        with pytest.raises(Unavailable, match="its certificate is not taken"):
            run(BlockingHttp().request("GET", server.url))
    assert not server.ca_file.exists()


def test_a_server_without_a_service_is_none() -> None:
    """Its author forgot something."""
    with FakeServer() as server, pytest.raises(NotImplementedError):
        server.answer(Received("GET", "/", {}, b""))
