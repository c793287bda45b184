"""Questions to a plugin, their answers and failures as values.

A plugin is foreign code: whatever it raises becomes a Problem. Of an exception that no plugin should raise, only its
type is told, for its text may quote a secret.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from attrs import evolve, frozen

from aegis_api.identity import Identity
from aegis_api.provider import AnyProvider
from aegis_api.reading import Node, ParseError
from aegis_idp import discovery
from aegis_idp.blocking import run
from aegis_idp.errors import ForeignObject, Misconfigured, ProviderError, Refused, Spreading, Throttled, Unavailable
from aegis_idp.http import Http
from aegis_idp.plugin import Plugin
from aegis_idp.settings import read_settings
from aegis_idp.values import PodContext, Provisioned, ProvisionRequest
from aegis_reconcile.host import ForAdministrators, Host
from aegis_reconcile.plan.answers import THROTTLED, Problem, Removed, Trusted, Usable

T = TypeVar("T")

_log = logging.getLogger(__name__)


@frozen
class Asker:
    """Asks plugins with `http` and the credentials of `host`. `load` finds the plugin of a provider type."""

    http: Http
    host: Host
    load: Callable[[str], Plugin[Any]] = discovery.load

    def prepare(self, provider: AnyProvider) -> Usable | Problem:
        spec = provider.spec
        try:
            plugin = self.load(spec.type)
        except discovery.PluginError as error:
            return Problem("PluginMissing", f"spec.type: {error}")
        try:
            settings = read_settings(plugin.settings, Node(spec.config, "spec.config"))
            return Usable(provider, plugin, settings, plugin.makes_objects(settings))
        except ParseError as error:
            return Problem("SettingsInvalid", str(error))
        except Exception as error:  # noqa: BLE001  # see the head of this module
            return _defect(spec.type, error)

    def trust(self, usable: Usable) -> Trusted | Problem:
        trust = _answer(usable, "IssuerUnreachable", lambda: usable.plugin.trust(usable.settings, self.http))
        return trust if isinstance(trust, Problem) else Trusted(trust.issuer)

    def unsuitable(self, usable: Usable, identity: Identity) -> Problem | None:
        """Why the provider cannot serve this identity's pods; None if it can."""
        spec = usable.provider.spec
        pod = PodContext(identity.subject, spec.audience, spec.audience_per_destination, identity.hosts)
        try:
            usable.plugin.pod_needs(usable.settings, pod)
        except ProviderError as error:
            return Problem("Unsuitable", str(error))
        except Exception as error:  # noqa: BLE001  # see the head of this module
            return _defect(spec.type, error)
        return None

    def provision(self, usable: Usable, request: ProvisionRequest) -> Provisioned | Problem:
        plugin, settings, request = usable.plugin, usable.settings, self._with_credentials(usable, request)
        return _answer(usable, "ProviderUnreachable", lambda: plugin.provision(settings, request, self.http))

    def deprovision(self, usable: Usable, request: ProvisionRequest) -> Removed | Problem:
        plugin, settings, request = usable.plugin, usable.settings, self._with_credentials(usable, request)
        answer = _answer(usable, "ProviderUnreachable", lambda: plugin.deprovision(settings, request, self.http))
        # An object with another owner's mark is not ours to remove, and where we can show nothing, we made nothing.
        if isinstance(answer, Problem) and answer.reason not in ("ForeignObject", "ClusterProviderNeeded"):
            return answer
        return Removed()

    def _with_credentials(self, usable: Usable, request: ProvisionRequest) -> ProvisionRequest:
        provider = usable.provider
        return evolve(
            request,
            host_token=lambda audience: self.host.token(provider, audience),
            host_token_at=self.host.token_at,
            host_secret=lambda key: self.host.secret(provider, key),
        )


def _answer(usable: Usable, unreachable: str, question: Callable[[], Coroutine[Any, Any, T]]) -> T | Problem:
    try:
        return run(question())
    except Throttled as error:
        return Problem(THROTTLED, str(error), again=True, retry_after=error.retry_after, reachable=True)
    except Spreading as error:
        return Problem("ProviderRefused", str(error), again=True, retry_after=error.retry_after, reachable=True)
    except Unavailable as error:
        return Problem(unreachable, str(error), again=True, retry_after=error.retry_after, reachable=False)
    except ForeignObject as error:
        return Problem("ForeignObject", str(error), reachable=True)
    except Refused as error:
        return Problem("ProviderRefused", str(error), reachable=True)
    except ForAdministrators as error:
        return Problem("ClusterProviderNeeded", str(error))
    except Misconfigured as error:
        return Problem("Misconfigured", str(error))
    except ProviderError as error:
        return Problem("ProviderFailed", str(error))
    except Exception as error:  # noqa: BLE001  # see the head of this module
        return _defect(usable.provider.spec.type, error)


def _defect(provider_type: str, error: Exception) -> Problem:
    kind = type(error).__name__
    _log.error("the plugin %s raised %s, which no plugin should: please report it to its author", provider_type, kind)
    return Problem("PluginFailed", f"the plugin {provider_type} raised {kind}: a defect of the plugin")
