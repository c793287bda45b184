"""An identity pool of the fake AWS that takes the tokens of a cluster for logins, for tests of the plugin `aws`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.http import Response
from aegis_idp_aws import PLUGIN
from aegis_idp_aws.arns import Home
from aegis_idp_aws.cognito.pool import EXCHANGE_AUDIENCE
from aegis_idp_aws.partitions import partition_of
from aegis_idp_aws.policies import trust_policy
from aegis_idp_aws.tokens import EXCHANGE_AUDIENCE as STS_AUDIENCE
from aegis_idp_fakes.aws import Account, Aws, IdentityPool, Role
from aegis_idp_fakes.aws.pools import PoolIdentity
from aegis_idp_fakes.aws.wire import json_error_answer
from support.api_cluster import ApiCluster


def cognito_refusal(description: str) -> Response:
    answer = json_error_answer("NotAuthorizedException", description)
    return Response(answer.status, answer.headers, answer.body)


@define
class PoolTenancy:
    """A mesh at Cognito: the account, its pool, and the role of the reconcile function."""

    cluster: Any  # a Cluster, or an ApiCluster
    aws: Aws
    account: Account
    pool: IdentityPool
    provisioner: Role

    @property
    def oidc_provider(self) -> str:
        return self.account.oidc_provider(self.cluster.issuer)

    @property
    def login(self) -> str:
        return str(self.cluster.issuer).partition("://")[2]

    def config(self, *, provisioned: bool = True, **changes: object) -> Mapping[str, object]:
        made: dict[str, object] = {
            "accountId": self.account.id,
            "issuer": self.aws.cognito.issuer,
            "region": self.aws.region,
            "sts": self.aws.url,
            "cognito": {
                "identityPool": self.pool.id,
                "oidcProvider": self.oidc_provider,
                "url": self.aws.url,
                **changes,
            },
        }
        return {**made, "provisionAs": self.provisioner.arn} if provisioned else made

    def provider(self, *, provisioned: bool = True, **changes: object) -> ProviderUnderTest:
        return ProviderUnderTest(
            PLUGIN,
            self.config(provisioned=provisioned, **changes),
            self.cluster,
            http=evolve(self.cluster.http(), ca_file=str(self.aws.ca_file)),
            audience=self.pool.id,
            objects=self.pool.state,
            rotate=lambda overlap: self.aws.cognito.keys.rotate(overlap=overlap),
            spoil=self.spoil if provisioned else None,
            refusal=cognito_refusal,
            refusal_code="NotAuthorizedException",
        )

    def made(self) -> PoolIdentity:
        """The one identity in the pool."""
        (identity,) = self.pool.identities.values()
        return identity

    def spoil(self, _: Subject) -> None:
        """An administrator's slip: the ServiceAccount's login is unlinked."""
        self.made().logins.clear()

    def token(self, subject: Subject, audience: str = EXCHANGE_AUDIENCE, seconds: int = 3600) -> str:
        """The ServiceAccount token that a pod shows to the pool."""
        return str(self.cluster.token(subject, audience, seconds).reveal())


def identities_policy(pool: str) -> Mapping[str, Any]:
    """What the page of AWS tells people to give the reconcile function for the pool with the ARN `pool`."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "cognito-identity:LookupDeveloperIdentity",
                    "cognito-identity:GetOpenIdTokenForDeveloperIdentity",
                ],
                "Resource": pool,
            },
            {"Effect": "Allow", "Action": "cognito-identity:DescribeIdentity", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": "cognito-identity:DeleteIdentities",
                "Resource": "*",
                "Condition": {"StringEquals": {"cognito-identity:IdentityPoolArn": pool}},
            },
        ],
    }


@contextmanager
def cognito_pool(region: str = "eu-west-1") -> Iterator[PoolTenancy]:
    """Its clients have to trust `aws.ca_file`."""
    with Cluster(public=True, algorithm="RS256", gives_tokens=True) as cluster, Aws(region=region) as aws:
        yield pool_of(cluster, aws)


def pool_of(cluster: Cluster | ApiCluster, aws: Aws) -> PoolTenancy:
    """A new account with a pool, to which the tokens of `cluster` are logins."""
    account = aws.account()
    account.providers[cluster.issuer] = (STS_AUDIENCE, EXCHANGE_AUDIENCE)
    pool = account.pool(aws.region, cluster.issuer)
    pool.developer = "aegis"
    trust = trust_policy(Home(partition_of(aws.region), account.id), cluster.issuer, str(HOST), STS_AUDIENCE)
    provisioner = account.register("aegis-reconcile", trust, policies={"aegis": identities_policy(pool.arn)})
    return PoolTenancy(cluster, aws, account, pool, provisioner)
