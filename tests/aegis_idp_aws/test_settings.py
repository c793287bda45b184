"""The settings of a provider of the type `aws`."""

from collections.abc import Mapping

import pytest

from aegis_api.names import Subject
from aegis_api.reading import Node, ParseError
from aegis_idp.kept import subject_of
from aegis_idp.settings import read_settings
from aegis_idp_aws.settings import AwsSettings

ACCOUNT = "111122223333"
ISSUER = "https://0a1b2c3d.tokens.sts.global.api.aws"
ARN = f"arn:aws:iam::{ACCOUNT}:role/orders"


def read(**config: object) -> AwsSettings:
    return read_settings(
        AwsSettings, Node({"accountId": ACCOUNT, "issuer": ISSUER, "region": "eu-west-1", **config}, "spec.config")
    )


def test_three_settings_are_all_that_is_needed() -> None:
    """The rest follows from them."""
    settings = read()
    assert settings.sts_url == "https://sts.eu-west-1.amazonaws.com"
    assert settings.iam_url == "https://iam.amazonaws.com"
    assert settings.key_set == f"{ISSUER}/.well-known/jwks.json"
    assert (settings.signing_algorithm, settings.provision_as) == ("RS256", None)
    assert read(sts="https://vpce-1.sts.example").sts_url == "https://vpce-1.sts.example"


@pytest.mark.parametrize(("token", "session"), [(300, 900), (900, 1500), (3000, 3600)])
def test_a_session_outlives_its_token(token: int, session: int) -> None:
    """And is never longer than what a role has at first."""
    assert read(tokenSeconds=token).session_seconds == session


def test_roles_can_be_named() -> None:
    """In both directions."""
    settings = read(roleArns={"shop/orders": ARN})
    assert settings.role_of(Subject("shop", "orders")) == ARN
    assert settings.role_of(Subject("bank", "orders")) is None
    assert settings.subject_by(ARN) == Subject("shop", "orders")
    assert settings.subject_by(ARN + "x") is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"accountId": "1"}, r"^spec\.config\.accountId: .*twelve digits"),
        ({"issuer": ISSUER + "/"}, r"issuer: .*without a slash"),
        ({"issuer": "http://a.example"}, r"issuer: .*https://HOST"),
        ({"region": "global"}, r"region: .*like eu-west-1"),
        ({"provisionAs": "aegis"}, r"provisionAs: .*the ARN of a role"),
        ({"provisionAs": "arn:aws:iam::999999999999:role/x"}, r"a role of the account 111122223333"),
        ({"roleArns": {"shop/orders": "arn:aws:iam::999999999999:role/x"}}, r"a role of the account"),
        ({"roleArns": {"shop/orders": "x:y"}}, r"a role of the account"),
        ({"roleArns": {"orders": ARN}}, r"roleArns: .*NAMESPACE/NAME"),
        ({"roleArns": {"shop/a": ARN, "shop/b": ARN}}, r"a role of its own for each"),
        ({"permissionsBoundary": "x"}, r"permissionsBoundary: .*the ARN of a policy"),
        ({"permissionsBoundary": "arn:aws-cn:iam::aws:policy/x"}, r"a policy of the account \d+ in the partition aws "),
        ({"region": "cn-north-1", "provisionAs": ARN}, r"a role of the account \d+ in the partition aws-cn "),
        ({"region": "us-gov-west-1", "roleArns": {"shop/orders": ARN}}, r"in the partition aws-us-gov "),
        ({"region": "us-isob-east-1"}, r"region: .*the partitions aws, aws-cn or aws-us-gov"),
        ({"signingAlgorithm": "ES256"}, r"signingAlgorithm: "),
        ({"tokenSeconds": 3600}, r"tokenSeconds: "),
    ],
)
def test_refusals(config: Mapping[str, object], said: str) -> None:
    """With the path, what came and what was wanted."""
    with pytest.raises(ParseError, match=said):
        read(**config)


def test_a_service_account_is_written_with_its_namespace() -> None:
    """Nothing else is one."""
    assert subject_of("shop/orders") == Subject("shop", "orders")
    with pytest.raises(ValueError, match=r"'shop' *"):
        subject_of("shop")
