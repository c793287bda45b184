"""Identities and tokens of the fake Cognito, asked by the real boto3."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

from aegis_api.names import Subject
from aegis_idp.blocking import BlockingHttp, run
from aegis_idp.openid import discover
from aegis_proxy.core.keys import read_key_set
from support.boto import client, provisioner
from support.cognito_pool import PoolTenancy, cognito_pool

ORDERS, STOCK = Subject("shop", "orders"), Subject("shop", "stock")
SERVICE = "cognito-identity"


@pytest.fixture
def tenancy() -> Iterator[PoolTenancy]:
    with cognito_pool() as tenancy:
        yield tenancy


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(answer["Error"]["Code"])


def logins(tenancy: PoolTenancy, subject: Subject = ORDERS) -> dict[str, str]:
    return {tenancy.login: tenancy.token(subject)}


def get_id(tenancy: PoolTenancy, subject: Subject = ORDERS, **changes: Any) -> str:
    form = {"IdentityPoolId": tenancy.pool.id, "Logins": logins(tenancy, subject), **changes}
    return str(client(tenancy, SERVICE).get_id(**form)["IdentityId"])


def get_token(tenancy: PoolTenancy, identity: str, subject: Subject | None = ORDERS) -> Any:
    form = {"Logins": logins(tenancy, subject)} if subject else {}
    return client(tenancy, SERVICE).get_open_id_token(IdentityId=identity, **form)


def claims_of(tenancy: PoolTenancy, token: str) -> dict[str, Any]:
    key = tenancy.aws.cognito.keys.current.private.public_key()
    claims: dict[str, Any] = jwt.decode(
        token, key, ["RS512"], audience=tenancy.pool.id, issuer=tenancy.aws.cognito.issuer
    )
    return claims


def link(tenancy: PoolTenancy, mark: str = "m", **changes: Any) -> Any:
    form = {"IdentityPoolId": tenancy.pool.id, "Logins": {"aegis": mark, **changes.pop("logins", {})}, **changes}
    return provisioner(tenancy, SERVICE).get_open_id_token_for_developer_identity(**form)


def test_boto3_gets_a_token_that_the_services_keys_verify(tenancy: PoolTenancy) -> None:
    """Without credentials; signing in twice is one identity."""
    identity = get_id(tenancy, AccountId=tenancy.account.id)
    assert get_id(tenancy) == identity != get_id(tenancy, STOCK)
    answer = get_token(tenancy, identity)
    claims = claims_of(tenancy, answer["Token"])
    assert answer["IdentityId"] == claims["sub"] == identity
    assert claims["exp"] - claims["iat"] == 600
    assert claims["amr"] == ["authenticated", tenancy.login, f"{tenancy.oidc_provider}:OIDC:{ORDERS}"]
    assert claims["https://cognito-identity.amazonaws.com/identity-pool-arn"] == tenancy.pool.arn
    assert jwt.get_unverified_header(answer["Token"])["typ"] == "JWS"


def test_all_accounts_share_issuer_and_keys(tenancy: PoolTenancy) -> None:
    """Published in standard base64, with a zero byte first; the proxy reads it."""
    http = BlockingHttp(ca_file=str(tenancy.aws.ca_file))
    found = run(discover(http, tenancy.aws.cognito.issuer))
    document: Any = run(http.request("GET", found.jwks_uri)).good_answer("keys")
    (key,) = document["keys"]
    assert key["n"].startswith("A")
    assert len(key["n"]) == 344 == len(key["n"].rstrip("=")) + 1
    assert set(read_key_set(document, frozenset({"RS512"})).by_kid) == {key["kid"]}
    assert run(http.request("GET", f"{found.issuer}/x")).status == 404


def test_a_login_is_needed(tenancy: PoolTenancy) -> None:
    """Its own; another's, or none, is no good, and the pool lets nobody in without one, unless it is set so."""
    identity = get_id(tenancy)
    assert refused(lambda: get_token(tenancy, identity, STOCK)) == "NotAuthorizedException"
    assert refused(lambda: get_token(tenancy, identity, None)) == "NotAuthorizedException"
    assert refused(lambda: get_id(tenancy, Logins={})) == "NotAuthorizedException"
    assert refused(lambda: get_id(tenancy, AccountId="999999999999")) == "NotAuthorizedException"
    tenancy.pool.unauthenticated = True
    nobody = get_id(tenancy, Logins={})
    assert claims_of(tenancy, get_token(tenancy, nobody, None)["Token"])["amr"] == ["unauthenticated"]
    assert refused(lambda: get_token(tenancy, identity, None)) == "NotAuthorizedException"


def test_who_signs_in_takes_an_identity_that_nobody_has(tenancy: PoolTenancy) -> None:
    """Or is merged with the one that is his, and told so."""
    tenancy.pool.unauthenticated = True
    first, second = get_id(tenancy, Logins={}), get_id(tenancy, Logins={})
    assert get_token(tenancy, first)["IdentityId"] == first
    assert get_token(tenancy, second)["IdentityId"] == first
    assert refused(lambda: get_token(tenancy, second)) == "ResourceNotFoundException"


def test_what_is_not_there_is_not_found(tenancy: PoolTenancy) -> None:
    """Pools and identities; what is no id is no request."""
    other = "eu-west-1:00000000-0000-0000-0000-000000000000"
    assert refused(lambda: get_id(tenancy, IdentityPoolId=other)) == "ResourceNotFoundException"
    assert refused(lambda: get_token(tenancy, other)) == "ResourceNotFoundException"
    assert refused(lambda: get_token(tenancy, "x/y")) == "InvalidParameterException"


def test_the_basic_flow_has_to_be_allowed(tenancy: PoolTenancy) -> None:
    """Else there are no tokens, but credentials alone."""
    identity = get_id(tenancy)
    tenancy.pool.classic_flow = False
    assert refused(lambda: get_token(tenancy, identity)) == "InvalidParameterException"


def test_other_operations_are_unknown(tenancy: PoolTenancy) -> None:
    """Nothing is made up; and what is no object is none."""
    with pytest.raises(ClientError, match="UnknownOperationException"):
        client(tenancy, SERVICE).get_credentials_for_identity(IdentityId="eu-west-1:0a")
    headers = {"x-amz-target": "AWSCognitoIdentityService.GetId"}
    http = BlockingHttp(ca_file=str(tenancy.aws.ca_file))
    for body in (b"[]", b"x"):
        answer = run(http.request("POST", f"{tenancy.aws.url}/", headers=headers, body=body))
        assert json.loads(answer.body)["__type"] == "SerializationException"


def test_throttling_has_a_code_that_boto3_knows(tenancy: PoolTenancy) -> None:
    """It ends."""
    tenancy.aws.throttle()
    assert refused(lambda: get_id(tenancy)) == "TooManyRequestsException"
    assert get_id(tenancy)


def test_a_developer_marks_an_identity(tenancy: PoolTenancy) -> None:
    """And gets a token that says so; the mark leads to the identity, and back."""
    admin = provisioner(tenancy, SERVICE)
    answer = link(tenancy, logins=logins(tenancy), TokenDuration=3000)
    identity = answer["IdentityId"]
    assert get_id(tenancy) == link(tenancy)["IdentityId"] == identity
    claims = claims_of(tenancy, answer["Token"])
    assert claims["amr"][:3] == ["authenticated", "aegis", f"aegis:{tenancy.pool.id}:m"]
    assert claims["exp"] - claims["iat"] == 3000
    for asked in (
        {"DeveloperUserIdentifier": "m"},
        {"IdentityId": identity},
        {"DeveloperUserIdentifier": "m", "IdentityId": identity},
    ):
        found = admin.lookup_developer_identity(IdentityPoolId=tenancy.pool.id, **asked)
        assert (found["IdentityId"], found["DeveloperUserIdentifierList"]) == (identity, ["m"])
    assert set(admin.describe_identity(IdentityId=identity)["Logins"]) == {tenancy.login, "aegis"}
    assert admin.delete_identities(IdentityIdsToDelete=[identity, identity])["UnprocessedIdentityIds"] == []
    lookup = {"IdentityPoolId": tenancy.pool.id, "DeveloperUserIdentifier": "m"}
    assert refused(lambda: admin.lookup_developer_identity(**lookup)) == "ResourceNotFoundException"


def test_a_developer_makes_identities_without_other_logins(tenancy: PoolTenancy) -> None:
    """Which have none to describe but its own."""
    identity = link(tenancy)["IdentityId"]
    assert provisioner(tenancy, SERVICE).describe_identity(IdentityId=identity)["Logins"] == ["aegis"]
    assert refused(lambda: get_token(tenancy, identity)) == "NotAuthorizedException"


def test_logins_and_marks_are_of_one_identity(tenancy: PoolTenancy) -> None:
    """Who has one already keeps it; an identity has one login per provider."""
    first, second = get_id(tenancy), get_id(tenancy, STOCK)
    link(tenancy, "m", IdentityId=first, logins=logins(tenancy))
    again = "DeveloperUserAlreadyRegisteredException"
    assert refused(lambda: link(tenancy, "m", IdentityId=second)) == again
    conflict = "ResourceConflictException"
    assert refused(lambda: link(tenancy, "m", IdentityId=first, logins=logins(tenancy, STOCK))) == conflict
    fresh = Subject("shop", "fresh")
    assert refused(lambda: link(tenancy, "n", IdentityId=first, logins=logins(tenancy, fresh))) == conflict
    lookup = {"IdentityPoolId": tenancy.pool.id, "DeveloperUserIdentifier": "x", "IdentityId": first}
    admin = provisioner(tenancy, SERVICE)
    assert refused(lambda: admin.lookup_developer_identity(**lookup)) == conflict


def test_an_unmarked_identity_has_no_marks_to_look_up(tenancy: PoolTenancy) -> None:
    """Not found, as one that is not there."""
    lookup = {"IdentityPoolId": tenancy.pool.id, "IdentityId": get_id(tenancy)}
    admin = provisioner(tenancy, SERVICE)
    assert refused(lambda: admin.lookup_developer_identity(**lookup)) == "ResourceNotFoundException"


@pytest.mark.parametrize("changes", [{"mark": "x" * 1025}, {"TokenDuration": 86401}, {"name": "other"}])
def test_a_developers_call_that_is_none_is_refused(tenancy: PoolTenancy, changes: dict[str, Any]) -> None:
    """Without its provider's login, with a mark that is too long, for more than a day."""
    form = dict(changes)
    tenancy.pool.developer = form.pop("name", "aegis")
    assert refused(lambda: link(tenancy, form.pop("mark", "m"), **form)) in (
        "InvalidParameterException",
        "NotAuthorizedException",
    )
    assert tenancy.pool.identities == {}


def test_a_pool_without_a_developer_takes_none(tenancy: PoolTenancy) -> None:
    """Its name is one of a provider that the pool does not have."""
    tenancy.pool.developer = None
    assert refused(lambda: link(tenancy)) == "InvalidParameterException"


def test_rights_are_needed(tenancy: PoolTenancy) -> None:
    """By the pool, for a role of its account that is still there; without a signature there is nobody."""
    admin, identity = provisioner(tenancy, SERVICE), get_id(tenancy)
    assert refused(lambda: client(tenancy, SERVICE).describe_identity(IdentityId=identity)) == (
        "MissingAuthenticationTokenException"
    )
    other = tenancy.aws.account().pool(tenancy.aws.region, tenancy.cluster.issuer)
    assert refused(lambda: link(tenancy, IdentityPoolId=other.id)) == "AccessDeniedException"
    strange = other.make()
    assert refused(lambda: admin.describe_identity(IdentityId=strange.id)) == "ResourceNotFoundException"
    tenancy.provisioner.policies.clear()
    assert refused(lambda: link(tenancy)) == "AccessDeniedException"
    left = admin.delete_identities(IdentityIdsToDelete=[identity, strange.id])["UnprocessedIdentityIds"]
    assert left == [{"IdentityId": identity, "ErrorCode": "AccessDenied"}]
    del tenancy.account.roles["aegis-reconcile"]
    assert refused(lambda: admin.describe_identity(IdentityId=identity)) == "AccessDeniedException"


def test_a_wrong_key_is_a_bad_signature(tenancy: PoolTenancy) -> None:
    """boto3 understands the refusal."""
    provisioner(tenancy, SERVICE)
    key, session = next(iter(tenancy.aws.sessions.items()))
    credentials = {"AccessKeyId": key, "SecretAccessKey": "wrong", "SessionToken": session.token}
    admin = client(tenancy, SERVICE, credentials)
    assert refused(lambda: admin.describe_identity(IdentityId="eu-west-1:0a")) == "InvalidSignatureException"
