"""Whatever a plugin does becomes an answer or a Problem, and no secret shows."""

import asyncio

import pytest
from attrs import frozen

from aegis_api.hosts import HostPattern
from aegis_api.identity import Identity
from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_api.provider import IdentityProvider, ProviderSpec
from aegis_idp.errors import ClaimRefused, ForeignObject, Misconfigured, Refused, Spreading, Throttled, Unavailable
from aegis_idp.values import Owner, Provisioned, ProvisionRequest
from aegis_reconcile.asking import Asker
from aegis_reconcile.plan.answers import Problem, Removed, Trusted, Usable
from support.host_in_memory import AccountInMemory, host, no_host
from support.provider_in_memory import NoHttp, ProviderInMemory

IDENTITY = Identity(Metadata("cart", "shop"), "idp", "cart")
REQUEST = ProvisionRequest(Subject("shop", "cart"), Owner("c", "u"), "aegis", False, (HostPattern("*.svc"),))


def usable(plugin: ProviderInMemory) -> tuple[Asker, Usable]:
    asker = Asker(NoHttp(), no_host(), plugin.load)
    found = asker.prepare(IdentityProvider(Metadata("idp", "shop"), ProviderSpec("memory", "aegis")))
    assert isinstance(found, Usable)
    return asker, found


def test_good_answers_come_through() -> None:
    """The values of the plugin are the values of the asker."""
    plugin = ProviderInMemory(makes_objects=True)
    asker, provider = usable(plugin)
    assert asker.trust(provider) == Trusted("https://issuer.test")
    assert asker.provision(provider, REQUEST) == Provisioned({"role": "shop-cart"})
    assert asker.deprovision(provider, REQUEST) == Removed()
    assert asker.unsuitable(provider, IDENTITY) is None
    assert provider.reference == "IdentityProvider/idp"


def test_plugin_gets_the_hosts_credentials_for_its_provider() -> None:
    """At provisioning and removal a plugin can ask for the host's token, and for a secret stored for its provider."""
    plugin = ProviderInMemory(makes_objects=True)
    account = AccountInMemory()
    asker = Asker(NoHttp(), host(account), plugin.load)
    _, provider = usable(plugin)
    shown: list[str] = []

    async def spy(settings: object, request: ProvisionRequest, http: object) -> Provisioned:
        shown.append(request.host_token_at("https://idp.test").reveal())
        request.host_secret("password")
        return Provisioned()

    plugin.provision = plugin.deprovision = spy  # type: ignore[method-assign,assignment]  # a spy for this test
    for answer in (asker.provision(provider, REQUEST), asker.deprovision(provider, REQUEST)):
        assert isinstance(answer, Problem)
        assert answer.reason == "Misconfigured"
        assert "shop.idp.password" in answer.message
    assert shown == ["token-1 for https://idp.test"] * 2


def test_provider_of_a_namespace_that_needs_a_shared_audience_made_nothing() -> None:
    """So there is nothing to remove either, and its Identities, and their namespace, can go."""
    plugin = ProviderInMemory(makes_objects=True)
    asker = Asker(NoHttp(), host(AccountInMemory()), plugin.load)
    _, provider = usable(plugin)

    async def spy(settings: object, request: ProvisionRequest, http: object) -> Provisioned:
        request.host_token("sts.idp.test")
        return Provisioned()

    plugin.provision = plugin.deprovision = spy  # type: ignore[method-assign,assignment]  # a spy for this test
    made = asker.provision(provider, REQUEST)
    assert isinstance(made, Problem)
    assert (made.reason, made.again) == ("ClusterProviderNeeded", False)
    assert "only a ClusterIdentityProvider may ask for it" in made.message
    assert asker.deprovision(provider, REQUEST) == Removed()


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        (Unavailable("down", 3), Problem("ProviderUnreachable", "down", True, 3, False)),
        (Throttled("too much", 9), Problem("ProviderThrottled", "too much", True, 9, True)),
        (Spreading("not yet"), Problem("ProviderRefused", "not yet", True, None, True)),
        (Refused("no"), Problem("ProviderRefused", "no", reachable=True)),
        (Misconfigured("a file"), Problem("Misconfigured", "a file")),
        (ClaimRefused("odd"), Problem("ProviderFailed", "odd")),
        (ForeignObject("theirs"), Problem("ForeignObject", "theirs", reachable=True)),
    ],
)
def test_failures_become_problems(failure: Exception, problem: Problem) -> None:
    """Each error of the contract has its reason, and only what passes is tried again."""
    plugin = ProviderInMemory()
    asker, provider = usable(plugin)
    plugin.failure = failure
    assert asker.provision(provider, REQUEST) == problem


def test_issuer_that_does_not_answer_has_its_own_reason() -> None:
    """A provider's readiness hangs on its issuer."""
    plugin = ProviderInMemory()
    asker, provider = usable(plugin)
    plugin.failure = Unavailable("down")
    trust = asker.trust(provider)
    assert isinstance(trust, Problem)
    assert trust.reason == "IssuerUnreachable"


def test_removal_of_what_is_anothers_is_success_and_other_failures_are_not() -> None:
    """R08: what bears another owner's mark stays, and there is nothing of ours to remove."""
    plugin = ProviderInMemory()
    asker, provider = usable(plugin)
    plugin.failure = ForeignObject("theirs")
    assert asker.deprovision(provider, REQUEST) == Removed()
    plugin.failure = Refused("no")
    assert isinstance(asker.deprovision(provider, REQUEST), Problem)


def test_unsuitable_identity_hears_the_plugin() -> None:
    """What pod_needs refuses is a Problem in its words."""
    plugin = ProviderInMemory()
    asker, provider = usable(plugin)
    plugin.unsuitable = Misconfigured("one audience only")
    assert asker.unsuitable(provider, IDENTITY) == Problem("Unsuitable", "one audience only")


def test_defects_of_a_plugin_are_told_without_their_text(caplog: pytest.LogCaptureFixture) -> None:
    """An exception that no plugin should raise may quote a secret: only its type is told."""
    plugin = ProviderInMemory()
    asker, provider = usable(plugin)
    plugin.failure = plugin.unsuitable = KeyError("hvs.secret")
    problems: list[object] = [asker.trust(provider), asker.unsuitable(provider, IDENTITY)]

    @frozen
    class Broken:
        def __attrs_post_init__(self) -> None:
            raise KeyError("hvs.secret")

    plugin.settings = Broken  # type: ignore[assignment]  # not the settings that this plugin understands
    problems.append(Asker(NoHttp(), no_host(), plugin.load).prepare(provider.provider))
    for problem in problems:
        assert isinstance(problem, Problem)
        assert problem.reason == "PluginFailed"
    assert "hvs." not in f"{problems}{caplog.text}"
    assert "KeyError" in caplog.text


def test_plugin_that_waits_for_something_else_is_a_defect() -> None:
    """A coroutine may await the HTTP client that it was given, and nothing else."""
    plugin = ProviderInMemory()
    asker, provider = usable(plugin)

    async def sleepy(*_: object) -> object:
        return await asyncio.sleep(1, "late")

    plugin.trust = sleepy  # type: ignore[method-assign,assignment]  # a plugin that misbehaves
    trust = asker.trust(provider)
    assert isinstance(trust, Problem)
    assert trust.reason == "PluginFailed"
