"""Roles of the fake IAM, made by the real boto3."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.aws_account import Tenancy
from support.boto import ORDERS, provisioner

PATH = "/aegis/test-cluster/"


def create(tenancy: Tenancy, iam: Any, name: str = "one", **changes: Any) -> Any:
    form = {
        "Path": PATH,
        "AssumeRolePolicyDocument": json.dumps(tenancy.trust(ORDERS)),
        "PermissionsBoundary": tenancy.boundary,
        "Tags": [{"Key": "a", "Value": "b"}],
        **changes,
    }
    return iam.create_role(RoleName=name, **form)["Role"]


def refused(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_a_role_comes_and_goes(tenancy: Tenancy) -> None:
    """boto3 reads all of it."""
    iam = provisioner(tenancy)
    made = create(tenancy, iam, Description="x")
    assert made["Arn"] == f"arn:aws:iam::{tenancy.account.id}:role{PATH}one"
    assert made["AssumeRolePolicyDocument"] == tenancy.trust(ORDERS)
    iam.tag_role(RoleName="one", Tags=[{"Key": "c", "Value": "d"}])
    there = iam.get_role(RoleName="one")["Role"]
    assert there["PermissionsBoundary"]["PermissionsBoundaryArn"] == tenancy.boundary
    assert {tag["Key"]: tag["Value"] for tag in there["Tags"]} == {"a": "b", "c": "d"}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="one", PolicyName="p", PolicyDocument=json.dumps(policy))
    assert iam.get_role_policy(RoleName="one", PolicyName="p")["PolicyDocument"] == policy
    iam.update_assume_role_policy(RoleName="one", PolicyDocument=json.dumps(tenancy.trust(ORDERS)))
    iam.put_role_permissions_boundary(RoleName="one", PermissionsBoundary=tenancy.boundary)
    assert refused(lambda: iam.delete_role(RoleName="one")) == (409, "DeleteConflict")
    iam.delete_role_policy(RoleName="one", PolicyName="p")
    assert refused(lambda: iam.delete_role_policy(RoleName="one", PolicyName="p")) == (404, "NoSuchEntity")
    iam.delete_role(RoleName="one")
    assert refused(lambda: iam.get_role(RoleName="one")) == (404, "NoSuchEntity")


def test_names_are_one_for_all_paths(tenancy: Tenancy) -> None:
    """And do not heed the case."""
    iam = provisioner(tenancy)
    create(tenancy, iam)
    assert refused(lambda: create(tenancy, iam, "ONE", Path="/aegis/other/")) == (409, "EntityAlreadyExists")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"Path": "/"}, (403, "AccessDenied")),
        ({"PermissionsBoundary": "arn:aws:iam::1:policy/other"}, (403, "AccessDenied")),
        ({"AssumeRolePolicyDocument": "{}"}, (400, "MalformedPolicyDocument")),
        ({"AssumeRolePolicyDocument": "x"}, (400, "MalformedPolicyDocument")),
        ({"name": "a b"}, (400, "ValidationError")),
    ],
)
def test_what_cannot_be_made_is_refused(tenancy: Tenancy, changes: dict[str, Any], refusal: tuple[int, str]) -> None:
    """By right, or by form."""
    iam = provisioner(tenancy)
    assert refused(lambda: create(tenancy, iam, **changes)) == refusal
    assert len(tenancy.account.roles) == 1


def test_a_boundary_has_to_be_there(tenancy: Tenancy) -> None:
    """It is a policy of the account."""
    tenancy.account.managed.clear()
    iam = provisioner(tenancy)
    assert refused(lambda: create(tenancy, iam)) == (404, "NoSuchEntity")


def test_a_role_that_is_not_there_has_no_path(tenancy: Tenancy) -> None:
    """So rights that end at a path do not tell whether it is."""
    iam = provisioner(tenancy)
    assert refused(lambda: iam.delete_role(RoleName="none")) == (403, "AccessDenied")
    assert refused(lambda: iam.get_role_policy(RoleName="none", PolicyName="p")) == (403, "AccessDenied")


def test_other_actions_are_unknown(tenancy: Tenancy) -> None:
    """Nothing is made up."""
    iam = provisioner(tenancy)
    assert refused(iam.list_users) == (400, "InvalidAction")


def test_a_role_is_seen_later(tenancy: Tenancy) -> None:
    """As long as the test wants."""
    iam = provisioner(tenancy)
    tenancy.aws.propagation.delay = 2
    create(tenancy, iam)
    for _ in range(2):
        assert refused(lambda: iam.get_role(RoleName="one")) == (404, "NoSuchEntity")
    assert iam.get_role(RoleName="one")["Role"]["RoleName"] == "one"
