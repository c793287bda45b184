"""What all fakes share: TLS on loopback, the requests that came, trouble, and refusals as exceptions."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from aegis_idp.conformance.loopback import Answer, LoopbackServer, Received
from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.certificates import server_context
from aegis_idp_fakes.faults import Faults
from aegis_idp_fakes.propagation import Propagation


class Refusal(Exception):  # an answer, not a fault
    """Raised anywhere in a fake: the request is answered by `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class FakeServer:
    """`with` runs it. `url` is where it is; its clients have to trust `ca_file`.

    `issuers` fetches what clusters publish of their issuers.
    """

    def __init__(self, issuers: Http = INTERNET) -> None:
        self.issuers = issuers
        self._folder = TemporaryDirectory(prefix="aegis-idp-fakes-")
        context, self.ca_file = server_context(Path(self._folder.name))
        self._server = LoopbackServer(self._serve, context)
        self.url = self._server.url
        self.faults = Faults()
        self.propagation = Propagation()
        self.requests: list[Received] = []
        """All that came, faults included."""

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()
        self._folder.cleanup()

    def answer(self, request: Received) -> Answer:
        """The service itself. May raise Refusal."""
        raise NotImplementedError

    def _serve(self, request: Received) -> Answer:
        self.requests.append(request)
        self.propagation.step()
        fault = self.faults.next(request)
        if fault is not None:
            return fault
        try:
            return self.answer(request)
        except Refusal as refusal:
            return refusal.answer
