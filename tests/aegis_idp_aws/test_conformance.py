"""The tests that every plugin passes, on the fake AWS."""

import pytest

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.conformance import Conformance, ProviderUnderTest
from aegis_idp.values import PodContext
from aegis_idp_aws.policies import token_policy
from aegis_idp_aws.settings import AwsSettings
from support.aws_account import Tenancy


class TestMade(Conformance):
    """Roles that the plugin makes, with tokens of RS256."""

    @pytest.fixture
    def provider(self, tenancy: Tenancy) -> ProviderUnderTest:
        return tenancy.provider()


class TestKept(Conformance):
    """Roles that somebody else keeps, with tokens of ES384."""

    @pytest.fixture
    def provider(self, tenancy: Tenancy) -> ProviderUnderTest:
        settings = AwsSettings(tenancy.account.id, tenancy.account.issuer, "eu-west-1", signing_algorithm="ES384")
        hosts = (HostPattern("stock.shop.svc"), HostPattern("bills.bank.svc"))
        arns = {}
        for subject in (Subject("shop", "orders"), Subject("bank", "orders"), Subject("shop", "stock")):
            policies = {
                "one": token_policy(settings, PodContext(subject, "aegis://mesh", False, hosts)),
                "each": token_policy(settings, PodContext(subject, "aegis://mesh", True, hosts)),
            }
            name = f"{subject.namespace}-{subject.name}"
            role = tenancy.account.register(name, tenancy.trust(subject), policies=policies)
            arns[f"{subject.namespace}/{subject.name}"] = role.arn
        return tenancy.provider(provisionAs=None, roleArns=arns, signingAlgorithm="ES384")
