"""The settings of an identity pool."""

from collections.abc import Mapping
from typing import Any

import pytest

from aegis_api.reading import Node, ParseError
from aegis_idp.settings import read_settings
from aegis_idp_aws.settings import AwsSettings

ACCOUNT = "111122223333"
POOL = "eu-west-1:0a1b2c3d-0000-4000-8000-000000000000"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"
GOOD = {"accountId": ACCOUNT, "issuer": "https://cognito-identity.amazonaws.com", "region": "eu-west-1"}


def read(config: Mapping[str, object] = {}, **cognito: Any) -> AwsSettings:
    pool = {"identityPool": POOL, "oidcProvider": PROVIDER, **cognito}
    return read_settings(AwsSettings, Node({**GOOD, "cognito": pool, **config}, "spec.config"))


def test_a_pool_and_a_provider_are_all_that_is_needed() -> None:
    """Nothing is made then."""
    settings = read()
    assert settings.cognito is not None
    assert settings.cognito.developer_provider == "aegis"
    assert settings.provision_as is None
    assert read({"tokenSeconds": 900, "provisionAs": f"arn:aws:iam::{ACCOUNT}:role/x"}).provision_as


@pytest.mark.parametrize(
    ("cognito", "said"),
    [
        ({"identityPool": "pool"}, r"^spec\.config\.cognito\.identityPool: .*REGION:GUID"),
        ({"identityPool": POOL + "\n"}, r"REGION:GUID"),
        ({"identityPool": POOL.replace("eu-west-1", "eu-west-2")}, r"an identity pool of the region eu-west-1"),
        ({"oidcProvider": "https://x.example"}, r"oidcProvider: .*the ARN of an IAM OIDC provider"),
        (
            {"oidcProvider": PROVIDER.replace(ACCOUNT, "999999999999")},
            r"of the account 111122223333 in the partition aws ",
        ),
        ({"oidcProvider": PROVIDER.replace("arn:aws:", "arn:aws-cn:")}, r"of the account .* in the partition aws "),
        ({"developerProvider": "a b"}, r"developerProvider: "),
        ({"url": "http://cognito.example"}, r"url: .*https://HOST"),
        ({"keySet": "http://cognito.example"}, r"keySet: .*https://HOST"),
    ],
)
def test_refusals(cognito: Mapping[str, Any], said: str) -> None:
    """With the path, what came and what was wanted."""
    with pytest.raises(ParseError, match=said):
        read(**cognito)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"roleArns": {"shop/orders": f"arn:aws:iam::{ACCOUNT}:role/x"}}, "roleArns"),
        ({"permissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/x"}, "permissionsBoundary"),
        ({"signingAlgorithm": "ES384"}, "signingAlgorithm"),
        ({"tokenSeconds": 600}, "tokenSeconds"),
        ({"iam": "https://iam.example"}, "iam"),
    ],
)
def test_what_is_about_roles_is_no_setting_of_a_pool(config: Mapping[str, object], name: str) -> None:
    """It would be in vain: a pool's token lives ten minutes, and RS512 signs it."""
    with pytest.raises(ParseError, match=rf"no {name} beside cognito.*live ten minutes"):
        read(config)


def test_a_region_without_pools_is_refused() -> None:
    """With the one of its partition that has some; the other region of China has none."""
    china = {"oidcProvider": PROVIDER.replace("arn:aws:", "arn:aws-cn:")}
    pool = POOL.replace("eu-west-1", "cn-north-1")
    assert read({"region": "cn-north-1"}, identityPool=pool, **china).partition.name == "aws-cn"
    pool = POOL.replace("eu-west-1", "cn-northwest-1")
    with pytest.raises(ParseError, match=r"like cn-north-1: there are none in cn-northwest-1"):
        read({"region": "cn-northwest-1"}, identityPool=pool, **china)
