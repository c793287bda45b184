"""Provisioning: made once, removed, and never another owner's. For plugins that make objects."""

# These are tests: asserts are what they consist of.

from contextlib import suppress
from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_idp.blocking import run
from aegis_idp.conformance.provider import ProviderUnderTest
from aegis_idp.conformance.secrecy import assert_keeps
from aegis_idp.conformance.wires import Sent, Tapped
from aegis_idp.errors import ForeignObject, ProviderError, Unavailable
from aegis_idp.http import Response
from aegis_idp.values import Owner, Provisioned, Secret

_ORDERS, _SAME_NAME = Subject("shop", "orders"), Subject("bank", "orders")
_STRANGER = Owner("test-cluster", "0f8fad5b-d9cb-469f-a165-70867728950e")
_ANOTHER_CLUSTER = Owner("another-cluster", "0f8fad5b-d9cb-469f-a165-70867728950e")


class ProvisionSuite:
    def test_what_makes_nothing_asks_nobody(self, provider: ProviderUnderTest) -> None:
        """A plugin without objects of its own provisions without a request; the others say so by `makes_objects`."""
        tap = Tapped(provider.http)
        made = run(provider.plugin.provision(provider.settings, provider.request(_ORDERS), tap))
        assert isinstance(made, Provisioned)
        if not provider.makes_objects:
            run(provider.plugin.deprovision(provider.settings, provider.request(_ORDERS), tap))
            assert (made, tap.sent) == (Provisioned(), [])

    def test_provisioning_twice_changes_nothing(self, provider: ProviderUnderTest) -> None:
        """A second run, with what the first gave back or without, finds all as it should be."""
        made = _make(provider, _ORDERS)
        before = provider.objects()
        assert _make(provider, _ORDERS, metadata=made.metadata) == made
        assert _make(provider, _ORDERS) == made
        assert provider.objects() == before

    def test_removal_leaves_nothing(self, provider: ProviderUnderTest) -> None:
        """After deprovision() the provider is as it was, and again after a second one."""
        before = provider.objects()
        made = _make(provider, _ORDERS)
        for _ in range(2):
            _remove(provider, _ORDERS, metadata=made.metadata)
            assert provider.objects() == before

    def test_removing_what_is_not_there_succeeds(self, provider: ProviderUnderTest) -> None:
        """An identity that was never made, or lost with its metadata, is removed already."""
        before = provider.objects()
        _remove(provider, _ORDERS)
        assert provider.objects() == before

    def test_foreign_objects_stay(self, provider: ProviderUnderTest) -> None:
        """What bears another owner's mark is neither adopted nor removed."""
        if not provider.makes_objects:
            return
        _make(provider, _ORDERS, owner=_STRANGER)
        before = provider.objects()
        with pytest.raises(ForeignObject) as refusal:
            _make(provider, _ORDERS)
        assert str(refusal.value)
        assert provider.objects() == before
        with suppress(ForeignObject):
            _remove(provider, _ORDERS)
        assert provider.objects() == before

    def test_clusters_do_not_meet(self, provider: ProviderUnderTest) -> None:
        """What another cluster made for a subject of the same name stays, whether or not ours can be made beside it."""
        if not provider.makes_objects:
            return
        _make(provider, _ORDERS, owner=_ANOTHER_CLUSTER)
        before = provider.objects()
        with suppress(ForeignObject):
            _make(provider, _ORDERS)
        with suppress(ForeignObject):
            _remove(provider, _ORDERS)
        assert provider.objects() == before

    def test_namesakes_do_not_meet(self, provider: ProviderUnderTest) -> None:
        """Removing an identity leaves the one of the same name in another namespace."""
        if not provider.makes_objects:
            return
        _make(provider, _SAME_NAME)
        before = provider.objects()
        _make(provider, _ORDERS)
        assert provider.objects() != before
        _remove(provider, _ORDERS)
        assert provider.objects() == before

    def test_a_removed_identity_gets_no_token(self, provider: ProviderUnderTest) -> None:
        """Once deprovisioned, a pod that still runs is refused."""
        if not provider.makes_objects:
            return
        _make(provider, _ORDERS)
        mounts = provider.mounts(_ORDERS)
        _remove(provider, _ORDERS)
        with pytest.raises(ProviderError):
            run(provider.plugin.acquire(provider.settings, mounts.request(provider.audience), provider.http))

    def test_a_provider_that_is_down_changes_nothing_and_keeps_secrets(self, provider: ProviderUnderTest) -> None:
        """Unavailable comes out as such, without the host's token in it."""
        if not provider.makes_objects:
            return
        shown: list[Secret] = []

        def fails(sent: Sent) -> Response:
            shown.extend(Secret(part) for part in sent.headers.get("authorization", "").split() if len(part) > 12)
            return Response(503, {"retry-after": "7"}, b"")

        before = provider.objects()
        with pytest.raises(Unavailable) as caught:
            run(
                provider.plugin.provision(provider.settings, provider.request(_ORDERS), Tapped(provider.http, 0, fails))
            )
        assert_keeps(shown, caught.value)
        assert provider.objects() == before


def _make(provider: ProviderUnderTest, subject: Subject, **changes: Any) -> Provisioned:
    return provider.made(subject, **changes)


def _remove(provider: ProviderUnderTest, subject: Subject, **changes: Any) -> None:
    run(provider.plugin.deprovision(provider.settings, provider.request(subject, **changes), provider.http))
