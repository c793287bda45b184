"""The policies that the page of AWS gives to people are those with which the fake lets the plugin do its work."""

import json
import re
from typing import Any

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.values import PodContext
from aegis_idp_aws.arns import Home
from aegis_idp_aws.partitions import partition_of
from aegis_idp_aws.policies import token_policy, trust_policy
from aegis_idp_aws.settings import AwsSettings
from support.aws_account import BOUNDARY_POLICY, provisioner_policy
from support.cognito_pool import identities_policy
from support.documents import page

ACCOUNT = "111122223333"
HOME = Home(partition_of("eu-west-1"), ACCOUNT)
TEXT = page("docs/providers/aws.md").text


def policies() -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


def test_the_reconcile_function_gets_the_least() -> None:
    """Its trust, its rights and the boundary are those that all tests of the plugin run with."""
    trust, rights, *_ = policies()
    reconcile = "system:serviceaccount:aegis-system:aegis-reconcile"
    assert trust == trust_policy(HOME, "https://ISSUER-OF-THE-CLUSTER", reconcile, "sts.amazonaws.com")
    assert rights == provisioner_policy(ACCOUNT, "CLUSTER")
    (boundary,) = re.findall(r"<<'EOF'\n(.*?)EOF", TEXT, re.DOTALL)
    assert json.loads(boundary) == BOUNDARY_POLICY


def test_a_role_made_by_hand_is_like_one_that_is_made() -> None:
    """To the letter."""
    settings = AwsSettings(ACCOUNT, "https://0a1b.tokens.sts.global.api.aws", "eu-west-1")
    context = PodContext(Subject("shop", "orders"), "aegis://my-mesh", False, (HostPattern("*.svc"),))
    assert policies()[2] == token_policy(settings, context)


def test_identities_of_a_pool_are_made_with_the_least() -> None:
    """By the policy that all tests of the plugin run with."""
    assert policies()[3] == identities_policy(f"arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/POOL")
