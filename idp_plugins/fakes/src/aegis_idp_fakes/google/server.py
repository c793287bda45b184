"""Google Cloud on one address."""

from urllib.parse import unquote, urlsplit

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.conformance.signing import KeyRing
from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.google import iam
from aegis_idp_fakes.google.errors import api_error
from aegis_idp_fakes.google.exchange import Exchange
from aegis_idp_fakes.google.project import Project
from aegis_idp_fakes.server import FakeServer


class Google(FakeServer):
    """`url` is sts., iamcredentials., iam. and www.googleapis.com at once.

    All projects share one set of keys and one issuer, as they do in the cloud: who compares neither audience nor the
    project of the address takes the tokens of all.
    """

    def __init__(self, issuers: Http = INTERNET) -> None:
        super().__init__(issuers)
        self.keys = KeyRing("RS256")
        self.projects: dict[str, Project] = {}
        self._exchange = Exchange(self.projects)

    def project(self, name: str, issuer: str) -> Project:
        """A new project, whose pool trusts the tokens of `issuer`."""
        made = Project(name, 1000 + len(self.projects), issuer, self.propagation, self.issuers)
        self.projects[name] = made
        return made

    def answer(self, request: Received) -> Answer:
        path = unquote(urlsplit(request.path).path)
        match request.method, path:
            case "GET", "/oauth2/v3/certs":
                answer = Answer.json(200, self.keys.key_set())
                return Answer(200, answer.body, {**answer.headers, "cache-control": "public, max-age=21600"})
            case "POST", "/v1/token":
                return Answer.json(200, self._exchange.answer(request.form()))
        caller = self._exchange.members.get(request.bearer())
        if caller is None:
            raise api_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        return iam.answer(iam.Call(*caller, request, self.keys), path.removeprefix("/v1"))
