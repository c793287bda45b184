"""One call of STS or IAM."""

from urllib.parse import parse_qs

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import Refused
from aegis_idp.values import Secret
from aegis_idp_aws.query import iam, sts
from aegis_idp_aws.signing import Session
from support.aws_account import Tenancy


def test_services_are_asked_in_their_regions(tenancy: Tenancy) -> None:
    """STS where the settings say, IAM in us-east-1 as everywhere."""
    provider = tenancy.provider()
    assert sts(provider.settings, provider.http).scope.region == tenancy.aws.region
    assert iam(provider.settings, provider.http).scope.region == "us-east-1"


def test_a_bad_signature_is_told_without_the_keys(tenancy: Tenancy) -> None:
    """The fake quotes what it read, as AWS does."""
    provider = tenancy.provider()
    run(provider.plugin.provision(provider.settings, provider.request(Subject("shop", "orders")), provider.http))
    key, real = next(iter(tenancy.aws.sessions.items()))
    session = Session(key, Secret("not-the-right-secret"), Secret(real.token))
    tap = Tapped(provider.http)
    with pytest.raises(Refused, match=r"AWS iam, GetRole: .*SignatureDoesNotMatch") as caught:
        run(iam(provider.settings, tap).call("GetRole", {"RoleName": "a b&c"}, session))
    assert_keeps(session.secrets, caught.value)
    (sent,) = tap.sent
    assert parse_qs(sent.body.decode()) == {"Action": ["GetRole"], "Version": ["2010-05-08"], "RoleName": ["a b&c"]}
    assert sent.url == f"{tenancy.aws.url}/"
