"""STS, IAM, Cognito and the issuers of accounts on one address."""

import uuid
from urllib.parse import urlsplit

from aegis_idp.conformance.loopback import Answer, Received
from aegis_idp.http import Http
from aegis_idp_fakes.assertions import INTERNET
from aegis_idp_fakes.aws import iam, sts
from aegis_idp_fakes.aws.accounts import Account, Session
from aegis_idp_fakes.aws.cognito import SERVICE, Service
from aegis_idp_fakes.aws.signatures import say_json, signer
from aegis_idp_fakes.aws.wire import aws_error, json_error
from aegis_idp_fakes.server import FakeServer

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
_IAM_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


class Aws(FakeServer):
    """`url` is the endpoint of STS and Cognito (in `region`) and of IAM at once."""

    def __init__(self, issuers: Http = INTERNET, *, region: str = "eu-west-1") -> None:
        super().__init__(issuers)
        self.region = region
        self.accounts: dict[str, Account] = {}
        self.cognito = Service(f"{self.url}/cognito", self.accounts)
        self.sessions: dict[str, Session] = {}
        self._throttled = 0

    def account(self) -> Account:
        """A new account, with an issuer and keys of its own."""
        number, issuer = f"{111122223333 + len(self.accounts)}", f"{self.url}/issuers/{uuid.uuid4()}"
        made = Account(number, issuer, self.propagation, self.issuers, self._partition)
        self.accounts[made.id] = made
        return made

    def throttle(self, times: int = 1) -> None:
        """As AWS does: with status 400, and a code."""
        self._throttled += times

    def answer(self, request: Received) -> Answer:
        path = urlsplit(request.path).path
        if request.method == "GET":
            return self._published(path)
        by_json = "x-amz-target" in request.headers
        if self._throttled:
            self._throttled -= 1
            if by_json:
                raise json_error("TooManyRequestsException", "Rate exceeded")
            raise aws_error(400, "Throttling", "Rate exceeded")
        if by_json:
            return self.cognito.answered(
                request, lambda: signer(request, self.sessions, self.region, SERVICE, say_json)
            )
        form = request.form()
        match form.get("Version"), form.get("Action"):
            case "2011-06-15", "AssumeRoleWithWebIdentity":
                return sts.assumed(self.accounts, self.sessions, form)
            case "2011-06-15", "GetWebIdentityToken":
                return sts.issued(signer(request, self.sessions, self.region, "sts"), self.region, form)
            case "2010-05-08", _:
                return iam.answered(signer(request, self.sessions, _IAM_REGIONS[self._partition], "iam"), form)
        raise aws_error(400, "InvalidAction", f"Could not find operation {form.get('Action')}")

    @property
    def _partition(self) -> str:
        found = next((one for one in _PARTITIONS if self.region.startswith(one)), "")
        return _PARTITIONS.get(found, "aws")

    def _published(self, path: str) -> Answer:
        if path.startswith("/cognito/"):
            return self.cognito.published(path.removeprefix("/cognito"))
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
