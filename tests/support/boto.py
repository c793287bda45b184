"""The real boto3, pointed at the fake AWS by its endpoint settings alone."""

from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from aegis_api.names import Subject
from support.aws_account import Tenancy
from support.cognito_pool import PoolTenancy

ORDERS = Subject("shop", "orders")


def client(tenancy: Tenancy | PoolTenancy, service: str, credentials: Any = None, **changes: Any) -> Any:
    """Unsigned without `credentials`, which are those of an answer of STS."""
    options: dict[str, Any] = {
        "retries": {"max_attempts": 0},
        **({} if credentials else {"signature_version": UNSIGNED}),
    }
    keys = (
        {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        if credentials
        else {}
    )
    return boto3.Session().client(
        service,
        region_name="us-east-1" if service == "iam" else tenancy.aws.region,
        endpoint_url=tenancy.aws.url,
        verify=str(tenancy.aws.ca_file),
        config=Config(**options),
        **{**keys, **changes},
    )


def assume(tenancy: Tenancy | PoolTenancy, arn: str, token: str, **changes: Any) -> Any:
    """Credentials of the role for a ServiceAccount token."""
    sts = client(tenancy, "sts")
    form = {"RoleArn": arn, "RoleSessionName": "test", "WebIdentityToken": token, **changes}
    return sts.assume_role_with_web_identity(**form)["Credentials"]


def provisioner(tenancy: Tenancy | PoolTenancy, service: str = "iam") -> Any:
    """IAM, or another service, as the reconcile function."""
    token = tenancy.cluster.token(Subject("aegis-system", "aegis-reconcile"), "sts.amazonaws.com").reveal()
    return client(tenancy, service, assume(tenancy, tenancy.provisioner.arn, token))
