from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from aegis_api.annotations import MOST_PROVIDERS
from aegis_api.provider import ProviderSpec
from aegis_idp.errors import Misconfigured, Refused
from aegis_proxy.shell.plugins import PluginDefect, Providers, provider_of
from support.scripted_provider import ScriptedHttp, ScriptedPlugin, scripted_provider

OIDC: dict[str, Any] = {"issuer": "https://idp.test", "jwks": {"keys": []}}


def result_of(work: Any) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    (result,) = results
    return getattr(result, "value", result)


def test_a_provider_is_a_plugin_with_its_settings() -> None:
    """By the type in the spec."""
    provider = provider_of(ProviderSpec("oidc", "aegis", config=OIDC))
    assert result_of(provider.trust(ScriptedHttp())).issuer == "https://idp.test"


def test_a_provider_may_name_destinations_its_own_way() -> None:
    """What aud must hold is then that name, and otherwise what was asked for."""
    tenant, client = "5a6b7c8d-0000-4000-8000-00000000000a", "11111111-2222-4333-8444-555555555555"
    config = {"tenantId": tenant, "destinations": {"orders.shop.svc": client}}
    provider = provider_of(ProviderSpec("azure", "aegis", config=config))
    assert provider.audiences == {"orders.shop.svc": client}
    assert [provider.audience_claim(name) for name in ("orders.shop.svc", "aegis")] == [client, "aegis"]
    plain = provider_of(ProviderSpec("oidc", "aegis", config=OIDC))
    assert plain.audiences is None
    assert plain.audience_claim("orders.shop.svc") == "orders.shop.svc"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (ProviderSpec("nobody", "aegis"), "no plugin for the provider type nobody"),
        (ProviderSpec("oidc", "aegis", config={"issuer": 7}), "spec.config.issuer: got 7"),
    ],
)
def test_a_spec_that_no_plugin_takes_is_refused(spec: ProviderSpec, said: str) -> None:
    """With the reason."""
    with pytest.raises(Misconfigured) as caught:
        provider_of(spec)
    assert said in str(caught.value)


def test_the_same_settings_are_the_same_provider() -> None:
    """What is kept by provider stays when only the audience changes."""
    providers = Providers()
    first = providers.get(ProviderSpec("oidc", "aegis", config=OIDC))
    assert providers.get(ProviderSpec("oidc", "other", config=dict(OIDC))) is first
    assert providers.get(ProviderSpec("oidc", "aegis", config={**OIDC, "issuer": "https://b.test"})) is not first
    for _ in range(2):
        with pytest.raises(Misconfigured):
            providers.get(ProviderSpec("nobody", "aegis"))


def test_few_providers_are_remembered() -> None:
    """However often an operator changes settings."""
    providers = Providers()
    first = providers.get(ProviderSpec("oidc", "aegis", config=OIDC))
    for number in range(2 * MOST_PROVIDERS):
        providers.get(ProviderSpec("oidc", "aegis", config={**OIDC, "issuer": f"https://{number}.test"}))
    assert providers.get(ProviderSpec("oidc", "aegis", config=OIDC)) is not first


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(Refused("no"), Refused), (CancelledError(), CancelledError), (KeyError("eyJhbGciOi.secret"), PluginDefect)],
)
def test_what_a_plugin_may_not_raise_is_a_defect(raised: Exception, seen: type[Exception]) -> None:
    """Its own text is not repeated: nobody knows what is in it."""
    plugin = ScriptedPlugin([raised])
    provider = scripted_provider(plugin)
    trust = result_of(provider.trust(ScriptedHttp()))
    assert type(trust) is seen
    asked = Deferred.fromCoroutine(provider.acquire(None, ScriptedHttp()))  # type: ignore[arg-type]  # not looked at
    plugin.fail(raised)
    errors: list[Any] = []
    asked.addErrback(errors.append)
    assert type(errors[0].value) is seen
    assert "secret" not in str(trust)
