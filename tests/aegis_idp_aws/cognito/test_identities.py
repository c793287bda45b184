"""Identities of a pool: beyond what every plugin has to show."""

import json
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance import ProviderUnderTest
from aegis_idp.conformance.wires import Sent, Tapped
from aegis_idp.errors import ForeignObject, Misconfigured, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import PRINCIPAL, Owner, Provisioned, Secret
from aegis_idp_aws.cognito.identities import mark_of
from aegis_idp_aws.cognito.tokens import IDENTITY
from support.cognito_pool import PoolTenancy
from support.ingress_judge import token_of

ORDERS, SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")


def make(provider: ProviderUnderTest, http: Any = None) -> Provisioned:
    request = provider.request(ORDERS)
    return run(provider.plugin.provision(provider.settings, request, http or provider.http))


def remove(provider: ProviderUnderTest, http: Any = None) -> None:
    run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), http or provider.http))


def asked(tap: Tapped) -> list[str]:
    """The calls of Cognito, and of the API server."""
    return [
        "TokenRequest" if sent.as_pod else sent.headers.get("x-amz-target", "STS").rpartition(".")[2]
        for sent in tap.sent
    ]


def test_an_identity_has_a_login_and_a_mark(tenancy: PoolTenancy) -> None:
    """And the Identity's status keeps what a token of it says."""
    provider = tenancy.provider()
    metadata = provider.made(ORDERS).metadata
    identity = tenancy.made()
    assert metadata == {IDENTITY: identity.id, PRINCIPAL: f"{identity.id} {ORDERS}"}
    assert identity.logins == {tenancy.login: str(ORDERS)}
    assert identity.marks == {mark_of(provider.request(ORDERS))}


def test_the_mark_fits_and_tells_owners_apart(tenancy: PoolTenancy) -> None:
    """The longest subject there can be; clusters, Identities, and subjects of one Identity that was changed."""
    request = tenancy.provider().request(ORDERS)
    longest = evolve(request, subject=Subject("n" * 63, "a" * 253), owner=Owner("c" * 36, "u" * 36))
    assert len(mark_of(longest)) <= 1024
    others = [
        evolve(request, owner=Owner("another", request.owner.uid)),
        evolve(request, owner=Owner(request.owner.cluster, "another")),
        evolve(request, subject=SAME_NAME),
    ]
    assert len({mark_of(each) for each in (request, *others)}) == 4


def test_a_token_is_asked_for_once(tenancy: PoolTenancy) -> None:
    """What is as it should be is looked at, and no ServiceAccount token is asked for again."""
    provider = tenancy.provider()
    making, looking, removing = (Tapped(provider.http) for _ in range(3))
    make(provider, making)
    make(provider, looking)
    remove(provider, removing)
    look = "LookupDeveloperIdentity"
    link = "GetOpenIdTokenForDeveloperIdentity"
    assert asked(making) == ["STS", look, "TokenRequest", "GetId", look, "DescribeIdentity", link]
    assert asked(looking) == ["STS", look, look, "DescribeIdentity"]
    assert asked(removing) == ["STS", look, look, "DeleteIdentities"]
    assert tenancy.pool.identities == {}


def test_it_is_removed_when_its_service_account_is_gone(tenancy: PoolTenancy) -> None:
    """Nobody gives a token of it any more."""
    provider = tenancy.provider()
    make(provider)
    tenancy.cluster.gives_tokens = False
    remove(provider)
    assert tenancy.pool.identities == {}


def test_a_pod_that_came_first_is_found(tenancy: PoolTenancy) -> None:
    """The pool made its identity then, with no other login; it is marked, and stays the same."""
    token_of(tenancy.provider(provisioned=False), ORDERS)
    before = tenancy.made()
    assert before.marks == set()
    assert tenancy.provider().made(ORDERS).metadata[IDENTITY] == before.id
    assert tenancy.made().marks


def test_anothers_identity_is_left(tenancy: PoolTenancy) -> None:
    """Its mark says so, whether it is found by the login or, beside ours, by our own mark."""
    provider = tenancy.provider()
    make(provider)
    identity = tenancy.made()
    own = set(identity.marks)
    for marks in ({"somebody"}, own | {"somebody"}):
        identity.marks = set(marks)
        with pytest.raises(ForeignObject, match=rf"{identity.id} bears another mark than test-cluster/.*Delete it"):
            make(provider)
        with suppress(ForeignObject):
            remove(provider)
        assert tenancy.made().marks == marks
        assert tenancy.made().logins == {tenancy.login: str(ORDERS)}


def test_an_identity_with_one_login_more_is_nobodys(tenancy: PoolTenancy) -> None:
    """Whoever has that login could have tokens of it: neither taken over nor kept in silence."""
    provider = tenancy.provider()
    token_of(tenancy.provider(provisioned=False), ORDERS)
    for _ in range(2):
        tenancy.made().logins["accounts.google.com"] = "1"
        with pytest.raises(ForeignObject, match=r"has logins by accounts\.google\.com as well.*unlink"):
            make(provider)
        del tenancy.made().logins["accounts.google.com"]
        make(provider)


def test_a_login_that_is_anothers_by_now_is_left(tenancy: PoolTenancy) -> None:
    """Ours was unlinked, and somebody else's identity has it."""
    provider = tenancy.provider()
    make(provider)
    tenancy.made().logins.clear()
    other = tenancy.pool.make()
    other.logins[tenancy.login] = str(ORDERS)
    with pytest.raises(ForeignObject, match=r"ResourceConflictException.*the login is another identity's"):
        make(provider)
    assert other.marks == set()


def test_rights_that_are_missing_are_named(tenancy: PoolTenancy) -> None:
    """Each in turn; AWS denies as it does until a new policy is known everywhere."""
    provider, (looks, reads, deletes) = tenancy.provider(), tenancy.provisioner.policies["aegis"]["Statement"]
    make(provider)
    looks["Resource"] = f"{tenancy.pool.arn}0"
    with pytest.raises(Unavailable, match=r"AccessDeniedException.*LookupDeveloperIdentity.*role/aegis-reconcile"):
        make(provider)
    looks["Resource"] = tenancy.pool.arn
    reads["Effect"] = "Deny"
    with pytest.raises(Unavailable, match=r"not authorized to perform: cognito-identity:DescribeIdentity"):
        make(provider)
    deletes["Condition"] = {"StringEquals": {"cognito-identity:IdentityPoolArn": f"{tenancy.pool.arn}0"}}
    with pytest.raises(Refused, match=r"was left: AccessDenied; look at the policies of .*role/aegis-reconcile"):
        remove(provider)
    assert tenancy.made().marks


def test_what_was_not_deleted_is_tried_again(tenancy: PoolTenancy) -> None:
    """Cognito says so in an answer that is no error."""
    provider = tenancy.provider()
    make(provider)
    left = [{"IdentityId": tenancy.made().id, "ErrorCode": "InternalServerError"}]
    for odd in (left, "x", [5]):
        body = json.dumps({"UnprocessedIdentityIds": odd}).encode()
        with pytest.raises(Unavailable, match="was left"):
            remove(provider, Tapped(provider.http, 3, lambda _, body=body: Response(200, {}, body)))  # type: ignore[misc]  # a default binds the loop's value
    remove(provider)
    assert tenancy.pool.identities == {}


def test_what_was_just_made_is_not_known_everywhere(tenancy: PoolTenancy) -> None:
    """Until it is, runs end with "later"; then all is there, once."""
    provider = tenancy.provider()
    tenancy.aws.propagation.delay = 6
    with pytest.raises(Unavailable, match=r"longer than a minute") as caught:
        make(provider)
    assert caught.value.retry_after == 10
    names = set()
    for _ in range(6):
        with suppress(Unavailable):
            names.add(make(provider).metadata[IDENTITY])
    assert names == {tenancy.made().id}
    assert len(tenancy.made().marks) == 1


def test_a_namespaces_own_provider_gets_no_token_of_a_service_account(tenancy: PoolTenancy) -> None:
    """The host shows itself first, and does so for cluster-wide providers alone."""
    provider = tenancy.provider()

    def nothing(_: str) -> Secret:
        raise Misconfigured("only a ClusterIdentityProvider may ask for it")

    tap = Tapped(provider.http)
    with pytest.raises(Misconfigured, match="ClusterIdentityProvider"):
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS, host_token=nothing), tap))
    assert tap.sent == []


def test_the_token_of_the_link_is_worth_nothing(tenancy: PoolTenancy) -> None:
    """It lives a second, and no error shows it or what was shown."""
    provider = tenancy.provider()
    seen: list[Sent] = []

    def refused(sent: Sent) -> Response:
        seen.append(sent)
        body = {"__type": "InvalidParameterException", "message": sent.body.decode()}
        return Response(400, {}, json.dumps(body).encode())

    with pytest.raises(Refused) as caught:
        make(provider, Tapped(provider.http, 6, refused))
    document = json.loads(seen[0].body)
    assert document["TokenDuration"] == 1
    assert document["Logins"][tenancy.login] not in str(caught.value)
    assert "eyJ" not in str(caught.value)


def test_who_makes_identities_is_one_service_account(tenancy: PoolTenancy) -> None:
    """By the trust policy of the role."""
    provider = tenancy.provider()
    request = provider.request(ORDERS, host_token=lambda audience: tenancy.cluster.token(SAME_NAME, audience))
    with pytest.raises(Unavailable, match=r"AccessDenied.*trust policy"):
        run(provider.plugin.provision(provider.settings, request, provider.http))
