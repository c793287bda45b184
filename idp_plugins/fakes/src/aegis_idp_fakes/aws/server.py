"""STS, IAM and the issuers of accounts on one address."""

import uuid
from urllib.parse import urlsplit

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.aws import iam, sts
from aegis_idp_fakes.aws.accounts import Account, Session
from aegis_idp_fakes.aws.signatures import signer
from aegis_idp_fakes.aws.wire import aws_error
from aegis_idp_fakes.server import FakeServer


class Aws(FakeServer):
    """`url` is the endpoint of STS (in `region`) and of IAM at once."""

    def __init__(self, issuers: Http = INTERNET) -> None:
        super().__init__(issuers)
        self.region = "eu-west-1"
        self.accounts: dict[str, Account] = {}
        self.sessions: dict[str, Session] = {}
        self._throttled = 0

    def account(self) -> Account:
        """A new account, with an issuer and keys of its own."""
        number, issuer = f"{111122223333 + len(self.accounts)}", f"{self.url}/issuers/{uuid.uuid4()}"
        made = Account(number, issuer, self.propagation, self.issuers)
        self.accounts[made.id] = made
        return made

    def throttle(self, times: int = 1) -> None:
        """As AWS does: with status 400, and a code."""
        self._throttled += times

    def answer(self, request: Received) -> Answer:
        path = urlsplit(request.path).path
        if request.method == "GET":
            return self._published(path)
        if self._throttled:
            self._throttled -= 1
            raise aws_error(400, "Throttling", "Rate exceeded")
        form = request.form()
        match form.get("Version"), form.get("Action"):
            case "2011-06-15", "AssumeRoleWithWebIdentity":
                return sts.assumed(self.accounts, self.sessions, form)
            case "2011-06-15", "GetWebIdentityToken":
                return sts.issued(signer(request, self.sessions, self.region, "sts"), self.region, form)
            case "2010-05-08", _:
                return iam.answered(signer(request, self.sessions, "us-east-1", "iam"), form)
        raise aws_error(400, "InvalidAction", f"Could not find operation {form.get('Action')}")

    def _published(self, path: str) -> Answer:
        for account in self.accounts.values():
            prefix = urlsplit(account.issuer).path
            if not account.federation_enabled:
                continue
            if path == f"{prefix}/.well-known/openid-configuration":
                return Answer.json(200, self._document(account))
            if path == f"{prefix}/.well-known/jwks.json":
                keys = [key for ring in account.keys.values() for key in ring.key_set()["keys"]]  # type: ignore[attr-defined]  # a JSON value
                return Answer.json(200, {"keys": keys})
        return Answer.json(404, {"message": "Not Found"})

    def _document(self, account: Account) -> dict[str, object]:
        return {
            "issuer": account.issuer,
            "jwks_uri": f"{account.issuer}/.well-known/jwks.json",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(account.keys),
        }
