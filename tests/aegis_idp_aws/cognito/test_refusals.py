"""What to do about an error of Cognito."""

import pytest

from aegis_idp.errors import Refused, Spreading, Unavailable
from aegis_idp_aws.cognito.pool import Pool
from aegis_idp_aws.cognito.refusals import while_it_spreads, with_way_out
from aegis_idp_aws.cognito.settings import CognitoSettings
from aegis_idp_aws.settings import AwsSettings

ROLE = "arn:aws:iam::111122223333:role/aegis-reconcile"
COGNITO = CognitoSettings(
    "eu-west-1:0a1b2c3d-0000-4000-8000-000000000000", "arn:aws:iam::111122223333:oidc-provider/oidc.example"
)
POOL = Pool(AwsSettings("111122223333", "https://i.example", "eu-west-1", COGNITO, provision_as=ROLE), COGNITO)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("AccessDeniedException", Spreading, rf"longer than a minute.*policies must allow {ROLE}"),
        ("NotAuthorizedException", Refused, r"pool eu-west-1:0a.* must list arn:.*oidc\.example.*RSA.*clocks"),
        ("NotAuthorizedException", Refused, r"client id cognito-identity\.amazonaws\.com"),
        ("InvalidParameterException", Refused, r"basic \(classic\) flow"),
        ("ResourceNotFoundException", Refused, "no such identity"),
        ("ExpiredTokenException", Refused, "clocks"),
        ("Odd", Refused, "CloudTrail"),
        ("", Refused, "CloudTrail"),
    ],
)
def test_the_code_says_what_to_do(code: str, kind: type[Exception], said: str) -> None:
    """What spreads by itself comes out as Unavailable; the rest keeps its code."""
    with pytest.raises(kind, match=said) as caught, with_way_out(POOL):
        raise Refused("x", code)
    assert type(caught.value) is kind
    assert getattr(caught.value, "code", code) == code


def test_other_errors_pass() -> None:
    """As they are."""
    with pytest.raises(Unavailable, match=r"^x$"), with_way_out(POOL):
        raise Unavailable("x")


def test_what_is_not_known_yet_passes_by_itself() -> None:
    """Or was removed, which takes longer; other refusals stay what they are."""
    with pytest.raises(Spreading, match=r"longer than a minute.*removed the identity") as caught, while_it_spreads():
        raise Refused("x", "ResourceNotFoundException")
    assert caught.value.retry_after == 10
    with pytest.raises(Refused), while_it_spreads():
        raise Refused("x", "NotAuthorizedException")
