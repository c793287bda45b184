"""What to do about an error of AWS."""

import pytest

from aegis_idp.errors import Refused, Spreading, Unavailable
from aegis_idp_aws.refusals import with_way_out


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("AccessDenied", Spreading, r"longer than a minute.*must allow the-role this"),
        ("InvalidIdentityToken", Refused, "IAM OIDC provider"),
        ("OutboundWebIdentityFederationDisabledException", Refused, "enable-outbound-web-identity-federation"),
        ("SessionDurationEscalationException", Refused, r"config\.tokenSeconds"),
        ("LimitExceeded", Refused, "quota"),
        ("Odd", Refused, "CloudTrail"),
        ("", Refused, "CloudTrail"),
    ],
)
def test_the_code_says_what_to_do(code: str, kind: type[Exception], said: str) -> None:
    """What spreads by itself comes out as Spreading; the rest keeps its code."""
    with pytest.raises(kind, match=said) as caught, with_way_out("the-role"):
        raise Refused("x", code)
    assert type(caught.value) is kind
    assert getattr(caught.value, "code", code) == code


def test_other_errors_pass() -> None:
    """As they are."""
    with pytest.raises(Unavailable, match=r"^x$"), with_way_out("the-role"):
        raise Unavailable("x")


def test_a_role_that_may_not_be_assumed_needs_another_trust_policy() -> None:
    """The same code means two things."""
    with pytest.raises(Spreading, match=r"the trust policy of the-role must take"), with_way_out("the-role"):
        raise Refused("AWS sts, AssumeRoleWithWebIdentity: answered with status 403: AccessDenied", "AccessDenied")
