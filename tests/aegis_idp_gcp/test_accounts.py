"""Service accounts for identities: beyond what every plugin has to show."""

from contextlib import suppress

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.wires import Sent, Tapped
from aegis_idp.errors import ForeignObject, ProviderError, Refused, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import PRINCIPAL, Owner
from aegis_idp_fakes.google.project import Account
from aegis_idp_gcp.accounts import Wanted
from aegis_idp_gcp.tokens import EMAIL
from support.google_project import Mesh

ORDERS = Subject("shop", "orders")


def the_made(mesh: Mesh) -> Account:
    (made,) = mesh.project.accounts.values()
    return made


def test_one_subject_may_stand_for_an_account(mesh: Mesh) -> None:
    """What there is afterwards, and what the Identity's status keeps of it."""
    metadata = mesh.provider().made(ORDERS).metadata
    made = the_made(mesh)
    assert metadata == {PRINCIPAL: made.unique_id, EMAIL: made.email}
    assert made.properties["description"].startswith("aegis-cluster:test-cluster aegis-uid:")
    binding = {"role": "roles/iam.workloadIdentityUser", "members": [mesh.project.member(str(ORDERS))]}
    assert made.bindings == [binding]


def test_four_requests_make_it_and_two_look_after_it(mesh: Mesh) -> None:
    """Beside the sign-in, which google-auth does."""
    provider = mesh.provider()
    for count in (4, 2):
        tap = Tapped(provider.http)
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), tap))
        assert len(tap.sent) == count


def test_names_are_within_the_limits(mesh: Mesh) -> None:
    """Neither clusters nor namespaces meet."""
    provider = mesh.provider()

    def wanted(subject: Subject, cluster: str = "c") -> Wanted:
        return Wanted.of(provider.settings, provider.request(subject, owner=Owner(cluster, "u" * 36)))

    longest = wanted(Subject("n" * 63, "a" * 253))
    assert len(longest.account_id) <= 30
    assert len(longest.display_name) <= 100
    assert len(wanted(ORDERS).description) <= 256
    names = {wanted(ORDERS).email, wanted(Subject("bank", "orders")).email, wanted(ORDERS, "d").email}
    assert len(names) == 3


def test_an_account_without_our_mark_is_left(mesh: Mesh) -> None:
    """Somebody was there first: the error says which one it is."""
    provider = mesh.provider()
    provider.made(ORDERS)
    the_made(mesh).properties["description"] = "mine"
    with pytest.raises(ForeignObject, match=r"aegis-.* is not described as .*Delete it in Google Cloud"):
        provider.made(ORDERS)
    with pytest.raises(ForeignObject):
        run(provider.plugin.deprovision(provider.settings, provider.request(ORDERS), provider.http))


def test_other_roles_on_an_account_stay(mesh: Mesh) -> None:
    """Only who may stand for it is ours to say."""
    provider = mesh.provider()
    provider.made(ORDERS)
    other = {"role": "roles/viewer", "members": ["user:a@b.c"]}
    the_made(mesh).bindings = [other]
    provider.made(ORDERS)
    assert the_made(mesh).bindings[0] == other
    assert len(the_made(mesh).bindings) == 2


def test_a_policy_that_changed_meanwhile_is_read_again_by_the_next_run(mesh: Mesh) -> None:
    """Nothing of another's change is lost: the etag holds it."""
    provider = mesh.provider()

    def changed(sent: Sent) -> Response:
        the_made(mesh).etag = "another"
        return run(provider.http.request(sent.method, sent.url, headers=sent.headers, body=sent.body))

    tap = Tapped(provider.http, 3, changed)
    with pytest.raises(Unavailable, match=r"ABORTED.*passes by itself"):
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), tap))
    assert provider.made(ORDERS).metadata[EMAIL] == the_made(mesh).email


def test_what_was_just_made_is_not_known_everywhere(mesh: Mesh) -> None:
    """Until it is, each run ends with "later"; then all is there, once."""
    provider = mesh.provider()
    mesh.google.propagation.delay = 4
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"passes by itself|not known everywhere yet"):
            provider.made(ORDERS)
    for _ in range(6):
        with suppress(Unavailable):
            provider.made(ORDERS)
    assert the_made(mesh).bindings


def test_a_refused_account_stays_a_refusal(mesh: Mesh) -> None:
    """Only what passes by itself is "later"."""
    provider = mesh.provider()
    host = next(iter(mesh.project.permissions))
    mesh.project.permissions[host] = frozenset({"iam.serviceAccounts.get"})
    with pytest.raises(Refused, match=r"iam\.serviceAccounts\.create"):
        provider.made(ORDERS)


@pytest.mark.parametrize("body", [b"{}", b'{"description": 5}'])
def test_an_answer_of_another_shape_is_no_answer(mesh: Mesh, body: bytes) -> None:
    """Neither adopted nor a KeyError."""
    provider = mesh.provider()
    odd = Tapped(provider.http, 0, lambda _: Response(200, {}, body))
    with pytest.raises(ProviderError):
        run(provider.plugin.provision(provider.settings, provider.request(ORDERS), odd))
