"""Roles for identities: beyond what every plugin has to show."""

from contextlib import suppress

import pytest
from attrs import evolve

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.wires import Tapped
from aegis_idp.errors import ForeignObject, Misconfigured, ProviderError, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import PRINCIPAL, Owner, ProvisionRequest
from aegis_idp_aws.roles import Wanted
from support.aws_account import Tenancy

ORDERS = Subject("shop", "orders")


def remove(provider: ProviderUnderTest) -> None:
    run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), provider.http))


def test_a_role_trusts_one_service_account(tenancy: Tenancy) -> None:
    """What there is afterwards, and what the Identity's status keeps of it."""
    metadata = tenancy.provider().made(ORDERS).metadata
    role = tenancy.made()
    assert metadata == {PRINCIPAL: role.arn}
    assert role.arn.startswith(f"arn:aws:iam::{tenancy.account.id}:role/aegis/test-cluster/shop-orders-")
    assert role.trust == tenancy.trust(ORDERS)
    assert list(role.policies) == ["aegis"]
    assert role.boundary == tenancy.boundary
    assert role.description == f"Made by Aegis for {ORDERS}."
    assert set(role.tags) == {"aegis-cluster", "aegis-uid"}


def test_five_requests_make_it_and_three_look_after_it(tenancy: Tenancy) -> None:
    """What is as it should be is not written again."""
    provider = tenancy.provider()
    for count in (5, 3):
        tap = Tapped(provider.http)
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), tap))
        assert len(tap.sent) == count


def test_a_boundary_is_optional(tenancy: Tenancy) -> None:
    """Then the reconcile function needs rights without that condition; and one that is there is left."""
    statements = tenancy.provisioner.policies["aegis"]["Statement"]
    statements[1].pop("Condition")
    tenancy.provider(permissionsBoundary=None).made(ORDERS)
    assert tenancy.made().boundary is None
    tenancy.provider().made(ORDERS)
    tenancy.provider(permissionsBoundary=None).made(ORDERS)
    assert tenancy.made().boundary == tenancy.boundary


def test_names_are_within_the_limits() -> None:
    """The longest subject there can be; neither clusters nor namespaces meet, wherever their dashes are."""
    owner = Owner("c" * 36, "u" * 36)

    def wanted(subject: Subject, cluster: str = "c") -> Wanted:
        return Wanted.of(
            ProvisionRequest(subject, evolve(owner, cluster=cluster), "aegis", False, (HostPattern("*.svc"),))
        )

    longest = wanted(Subject("n" * 63, "a" * 253))
    assert len(longest.name) == 64
    assert len(longest.description) <= 1000
    subjects = [Subject("shop", "a"), Subject("bank", "a"), Subject("shop-a", "b"), Subject("shop", "a-b")]
    names = {*(wanted(subject).name for subject in subjects), wanted(subjects[0], "d").name}
    assert len(names) == len(subjects) + 1


def test_a_role_without_our_mark_is_left(tenancy: Tenancy) -> None:
    """Somebody was there first: the error says which one it is."""
    provider = tenancy.provider()
    provider.made(ORDERS)
    role = tenancy.made()
    role.tags = {"aegis-cluster": "test-cluster"}
    with pytest.raises(ForeignObject, match=rf"{role.name} does not bear the tags .*Delete it"):
        provider.made(ORDERS)
    with pytest.raises(ForeignObject):
        remove(provider)
    assert tenancy.made() is role


def test_the_reconcile_function_touches_no_role_elsewhere(tenancy: Tenancy) -> None:
    """Its policy ends at the path of the cluster's roles, and wants the boundary; AWS holds to it."""
    with pytest.raises(
        Unavailable, match=r"AccessDenied.*must allow arn:aws:iam::\d+:role/aegis-reconcile this, and so must its permi"
    ):
        tenancy.provider(permissionsBoundary=None).made(ORDERS)
    assert len(tenancy.account.roles) == 1
    tenancy.provisioner.policies["aegis"]["Statement"][1]["Resource"] = "arn:aws:iam::1:role/aegis/other/*"
    with pytest.raises(Unavailable, match=r"AccessDenied.*iam:CreateRole"):
        tenancy.provider().made(ORDERS)


def test_what_was_just_made_is_not_known_everywhere(tenancy: Tenancy) -> None:
    """Until it is, each run ends with "later"; then all is there, once."""
    provider = tenancy.provider()
    tenancy.aws.propagation.delay = 4
    with pytest.raises(Unavailable, match=r"longer than a minute"):
        provider.made(ORDERS)
    arn = ""
    for _ in range(10):
        with suppress(Unavailable):
            arn = provider.made(ORDERS).metadata[PRINCIPAL]
    assert tenancy.made().arn == arn
    assert tenancy.made().policies


def test_who_may_see_every_role_is_told_so_too(tenancy: Tenancy) -> None:
    """With rights on all roles IAM says NoSuchEntity where it otherwise denies."""
    tenancy.provisioner.policies["all"] = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}],
    }
    provider = tenancy.provider()
    tenancy.aws.propagation.delay = 6
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"is not known everywhere yet") as caught:
            provider.made(ORDERS)
        assert caught.value.retry_after == 10


def test_what_somebody_attached_holds_up_a_removal(tenancy: Tenancy) -> None:
    """The error says what to do; then it goes."""
    provider = tenancy.provider()
    provider.made(ORDERS)
    role = tenancy.made()
    role.attached = True
    with pytest.raises(Refused, match=r"DeleteConflict.*take them away"):
        remove(provider)
    role.attached = False
    remove(provider)
    assert len(tenancy.account.roles) == 1


def test_a_policy_that_cannot_be_put_is_told(tenancy: Tenancy) -> None:
    """And so is a full account."""
    provider = tenancy.provider()
    hosts = tuple(HostPattern(f"service-{number}.shop.svc") for number in range(600))
    with pytest.raises(Misconfigured, match=r"List fewer"):
        provider.made(ORDERS, audience_per_destination=True, hosts=hosts)
    for number in range(1000):
        tenancy.account.register(f"role-{number}", {})
    with pytest.raises(Refused, match=r"LimitExceeded.*higher quota"):
        provider.made(ORDERS)


def test_a_policy_that_is_refused_is_told(tenancy: Tenancy) -> None:
    """With AWS's own word."""
    provider = tenancy.provider()

    def refused(_: object) -> Response:
        return Response(400, {}, b"<ErrorResponse><Error><Code>MalformedPolicyDocument</Code></Error></ErrorResponse>")

    for number, action in ((2, "CreateRole"), (4, "PutRolePolicy")):
        tap = Tapped(provider.http, number, refused)
        with pytest.raises(Refused, match=rf"{action}.*MalformedPolicyDocument"):
            run(provider.plugin.provision(provider.settings, provider.request(ORDERS), tap))


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("result", ["", "<{0}Result/>", "<{0}Result><Role/></{0}Result>"])
def test_an_answer_of_another_shape_is_no_answer(tenancy: Tenancy, number: int, result: str) -> None:
    """Neither adopted nor an AttributeError."""
    provider = tenancy.provider()
    action = {1: "GetRole", 2: "CreateRole", 3: "GetRolePolicy"}[number]
    body = f'<{action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{result.format(action)}</{action}Response>'
    odd = Tapped(provider.http, number, lambda _: Response(200, {}, body.encode()))
    with suppress(ProviderError):
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), odd))
        assert number == 3  # a policy that cannot be read is written again


@pytest.mark.parametrize("document", ["", "%7B", "[" * 9999])
def test_a_policy_that_nobody_can_read_is_written_again(tenancy: Tenancy, document: str) -> None:
    """It is not what is wanted."""
    provider = tenancy.provider()
    provider.made(ORDERS)
    body = (
        '<GetRolePolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRolePolicyResult>'
        f"<PolicyDocument>{document}</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>"
    )
    odd = Tapped(provider.http, 2, lambda _: Response(200, {}, body.encode()))
    run(provider.plugin.provision(provider.settings, provider.request(ORDERS), odd))
    assert b"PutRolePolicy" in odd.sent[3].body
