"""An account of the fake AWS that trusts the tokens of a cluster, for tests of the plugin `aws`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve, field

from aegis_api.names import Subject
from aegis_idp.conformance import HOST, Cluster, ProviderUnderTest
from aegis_idp.http import Response
from aegis_idp_aws import PLUGIN
from aegis_idp_aws.arns import Home
from aegis_idp_aws.partitions import partition_of
from aegis_idp_aws.policies import trust_policy
from aegis_idp_aws.tokens import EXCHANGE_AUDIENCE
from aegis_idp_fakes.aws import Account, Aws, Role
from aegis_idp_fakes.aws.wire import error_answer
from support.api_cluster import ApiCluster


def aws_refusal(description: str) -> Response:
    answer = error_answer(403, "InvalidIdentityToken", description)
    return Response(answer.status, answer.headers, answer.body)


@define
class Tenancy:
    """A mesh at AWS: the account, and the role of the reconcile function."""

    cluster: Cluster | ApiCluster
    aws: Aws
    account: Account
    provisioner: Role
    plugin: Any = field(default=PLUGIN)

    @property
    def home(self) -> Home:
        return Home(partition_of(self.aws.region), self.account.id)

    @property
    def boundary(self) -> str:
        return f"arn:{self.account.partition}:iam::{self.account.id}:policy/aegis-boundary"

    def trust(self, subject: Subject) -> Mapping[str, Any]:
        """Only this ServiceAccount of the cluster."""
        return trust_policy(self.home, self.cluster.issuer, str(subject), EXCHANGE_AUDIENCE)

    def config(self, **changes: object) -> Mapping[str, object]:
        made = {
            "accountId": self.account.id,
            "issuer": self.account.issuer,
            "region": self.aws.region,
            "provisionAs": self.provisioner.arn,
            "permissionsBoundary": self.boundary,
            "sts": self.aws.url,
            "iam": self.aws.url,
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def provider(self, audience: str = "aegis://mesh", **changes: object) -> ProviderUnderTest:
        config = self.config(**changes)
        algorithm = str(config.get("signingAlgorithm", "RS256"))
        return ProviderUnderTest(
            self.plugin,
            config,
            self.cluster,
            http=evolve(self.cluster.http(), ca_file=str(self.aws.ca_file)),
            audience=audience,
            objects=self.account.state,
            rotate=lambda overlap: self.account.keys[algorithm].rotate(overlap=overlap),
            spoil=self.spoil if config.get("provisionAs") else None,
            refusal=aws_refusal,
            refusal_code="InvalidIdentityToken",
        )

    def made(self) -> Role:
        """The one role that the plugin made."""
        (role,) = (role for role in self.account.roles.values() if role.path.startswith("/aegis/"))
        return role

    def spoil(self, subject: Subject) -> None:
        """An administrator's slip: somebody else is trusted, the policy says more, and nothing bounds it."""
        role = self.made()
        role.trust = self.trust(Subject("shop", "somebody"))
        role.policies["aegis"] = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}],
        }
        role.boundary = None


def provisioner_policy(account: str, cluster: str = "*", partition: str = "aws") -> Mapping[str, Any]:
    """What the page of AWS tells people to give the reconcile function; a test holds the page to this."""
    boundary = f"arn:{partition}:iam::{account}:policy/aegis-boundary"
    path = f"arn:{partition}:iam::{account}:role/aegis/{cluster}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iam:GetRole", "Resource": f"arn:{partition}:iam::{account}:role/*"},
            {
                "Effect": "Allow",
                "Action": ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"],
                "Resource": path,
                "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
            },
            {
                "Effect": "Allow",
                "Action": [
                    "iam:TagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:GetRolePolicy",
                    "iam:DeleteRolePolicy",
                    "iam:DeleteRole",
                ],
                "Resource": path,
            },
        ],
    }


BOUNDARY_POLICY: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:GetWebIdentityToken", "Resource": "*"}],
}


@contextmanager
def aws_account(region: str = "eu-west-1") -> Iterator[Tenancy]:
    """Its clients have to trust `aws.ca_file`."""
    with Cluster(public=True) as cluster, Aws(region=region) as aws:
        yield tenancy_of(cluster, aws)


def tenancy_of(cluster: Cluster | ApiCluster, aws: Aws) -> Tenancy:
    """A new account that trusts the tokens of `cluster`."""
    account = aws.account()
    account.providers[cluster.issuer] = (EXCHANGE_AUDIENCE,)
    trust = trust_policy(Home(partition_of(aws.region), account.id), cluster.issuer, str(HOST), EXCHANGE_AUDIENCE)
    rights = {"aegis": provisioner_policy(account.id, partition=account.partition)}
    provisioner = account.register("aegis-reconcile", trust, policies=rights)
    made = Tenancy(cluster, aws, account, provisioner)
    account.managed[made.boundary] = BOUNDARY_POLICY
    return made
