"""Sessions and tokens of the fake STS, asked by the real boto3."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from attrs import evolve
from botocore.exceptions import ClientError

from aegis_api.names import Subject
from aegis_idp.conformance.signing import SigningKey
from aegis_idp_fakes.aws import Role
from aegis_idp_fakes.aws.policies import read_policy
from support.aws_account import Tenancy
from support.boto import ORDERS, assume, client

STS = "sts.amazonaws.com"


@pytest.fixture
def role(tenancy: Tenancy) -> Role:
    allowed = {"Effect": "Allow", "Action": "sts:GetWebIdentityToken", "Resource": "*"}
    policy = read_policy(json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    return tenancy.account.register("orders", tenancy.trust(ORDERS), policies={"one": policy})


def shown(tenancy: Tenancy, subject: Subject = ORDERS, audience: str = STS, seconds: int = 3600) -> str:
    return tenancy.cluster.token(subject, audience, seconds).reveal()


def refused(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_boto3_gets_a_token_that_the_accounts_keys_verify(tenancy: Tenancy, role: Role, algorithm: str) -> None:
    """Of both algorithms, with the claims of the user guide."""
    sts = client(tenancy, "sts", assume(tenancy, role.arn, shown(tenancy)))
    answer = sts.get_web_identity_token(Audience=["a"], SigningAlgorithm=algorithm, DurationSeconds=60)
    key = tenancy.account.keys[algorithm].current.private.public_key()
    token = answer["WebIdentityToken"]
    claims = jwt.decode(token, key, [algorithm], audience="a", issuer=tenancy.account.issuer)
    assert claims["sub"] == role.arn
    assert claims["exp"] - claims["iat"] == 60
    assert claims["https://sts.amazonaws.com/"] == {"aws_account": tenancy.account.id, "source_region": "eu-west-1"}
    assert int(answer["Expiration"].timestamp()) == claims["exp"]


def forged(tenancy: Tenancy) -> str:
    key = SigningKey.make("ES256")
    return key.sign(tenancy.cluster.claims(ORDERS, STS), kid=tenancy.cluster.keys.current.kid)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda tenancy: shown(tenancy, seconds=-60), "ExpiredTokenException"),
        (lambda tenancy: shown(tenancy, audience="other"), "InvalidIdentityToken"),
        (lambda tenancy: shown(tenancy, Subject("bank", "orders")), "AccessDenied"),
        (forged, "InvalidIdentityToken"),
        (lambda _: "bm90.YQ.dG9rZW4", "InvalidIdentityToken"),
        (lambda _: SigningKey.make().sign({"iss": "https://other", "aud": STS}), "InvalidIdentityToken"),
    ],
)
def test_bad_tokens_make_no_session(tenancy: Tenancy, role: Role, token: Callable[[Tenancy], str], code: str) -> None:
    """Each with the code that AWS has for it."""
    status, said = refused(lambda: assume(tenancy, role.arn, token(tenancy)))
    assert (status, said) == (403 if code == "AccessDenied" else 400, code)
    assert tenancy.aws.sessions == {}


def test_an_issuer_that_cannot_be_reached_is_said(tenancy: Tenancy, role: Role) -> None:
    """Its keys are fetched for each token."""
    tenancy.account.providers["http://127.0.0.1:1"] = (STS,)
    token = tenancy.cluster.keys.current.sign({**tenancy.cluster.claims(ORDERS, STS), "iss": "http://127.0.0.1:1"})
    assert refused(lambda: assume(tenancy, role.arn, token)) == (400, "InvalidIdentityToken")


def test_roles_that_are_not_there_are_denied(tenancy: Tenancy, role: Role) -> None:
    """In this account, in another, under another path; and what is no role is no request."""
    for arn in (role.arn + "x", role.arn.replace(tenancy.account.id, "999999999999"), role.arn.replace("/", "/a/")):
        assert refused(lambda arn=arn: assume(tenancy, arn, shown(tenancy))) == (403, "AccessDenied")  # type: ignore[misc]  # a default binds the loop's value
    assert refused(lambda: assume(tenancy, "arn:aws:iam::x:role/y", shown(tenancy))) == (400, "ValidationError")


@pytest.mark.parametrize("changes", [{"DurationSeconds": 900}, {"DurationSeconds": 3600}])
def test_sessions_live_within_their_bounds(tenancy: Tenancy, role: Role, changes: dict[str, Any]) -> None:
    """Fifteen minutes to what the role allows."""
    assert assume(tenancy, role.arn, shown(tenancy), **changes)["SessionToken"]
    assert refused(lambda: assume(tenancy, role.arn, shown(tenancy), DurationSeconds=3601)) == (400, "ValidationError")


def issue(tenancy: Tenancy, role: Role, **changes: Any) -> Any:
    form: dict[str, Any] = {"Audience": ["a"], "SigningAlgorithm": "RS256", "DurationSeconds": 300, **changes}
    sts = client(tenancy, "sts", assume(tenancy, role.arn, shown(tenancy), DurationSeconds=900))
    return sts.get_web_identity_token(**form)


def test_what_no_policy_allows_is_denied(tenancy: Tenancy, role: Role) -> None:
    """Tags need a right of their own; a role that is gone has none."""
    tags = [{"Key": "who", "Value": "somebody"}]
    assert refused(lambda: issue(tenancy, role, Tags=tags)) == (403, "AccessDenied")
    tagging = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    role.policies["two"] = read_policy(json.dumps({"Version": "2012-10-17", "Statement": [tagging]}))
    claims = jwt.decode(issue(tenancy, role, Tags=tags)["WebIdentityToken"], options={"verify_signature": False})
    assert claims["https://sts.amazonaws.com/"]["request_tags"] == {"who": "somebody"}
    role.boundary = "arn:none"
    tenancy.account.managed["arn:none"] = {"Version": "2012-10-17", "Statement": []}
    assert refused(lambda: issue(tenancy, role)) == (403, "AccessDenied")
    sts = client(tenancy, "sts", assume(tenancy, role.arn, shown(tenancy)))
    del tenancy.account.roles["orders"]
    assert refused(lambda: sts.get_web_identity_token(Audience=["a"], SigningAlgorithm="RS256"))[1] == "AccessDenied"


def test_an_account_has_to_switch_it_on(tenancy: Tenancy, role: Role) -> None:
    """The error is one that boto3 knows by name."""
    tenancy.account.federation_enabled = False
    code = "OutboundWebIdentityFederationDisabledException"
    assert refused(lambda: issue(tenancy, role)) == (403, code)


def test_a_token_does_not_outlive_its_session(tenancy: Tenancy, role: Role) -> None:
    """Which was fifteen minutes."""
    assert refused(lambda: issue(tenancy, role, DurationSeconds=901)) == (403, "SessionDurationEscalationException")
    audiences = [f"a{number}" for number in range(10)]
    token = issue(tenancy, role, Audience=audiences)["WebIdentityToken"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == audiences


@pytest.mark.parametrize(
    "changes",
    [{"Audience": [f"a{number}" for number in range(11)]}, {"SigningAlgorithm": "HS256"}, {"DurationSeconds": 3601}],
)
def test_odd_wishes_are_refused(tenancy: Tenancy, role: Role, changes: dict[str, Any]) -> None:
    """As the model of the API has it."""
    assert refused(lambda: issue(tenancy, role, **changes)) == (400, "ValidationError")


def test_an_expired_session_is_told(tenancy: Tenancy, role: Role) -> None:
    """It was signed well."""
    credentials = assume(tenancy, role.arn, shown(tenancy))
    sessions = tenancy.aws.sessions
    sessions[credentials["AccessKeyId"]] = evolve(sessions[credentials["AccessKeyId"]], expires=1.0)
    sts = client(tenancy, "sts", credentials)
    assert refused(lambda: sts.get_web_identity_token(Audience=["a"], SigningAlgorithm="RS256")) == (
        403,
        "ExpiredToken",
    )
