"""The tests that every plugin passes. They need the extra `aegis-idp[conformance]` and pytest.

A plugin's own test suite subclasses `Conformance` and says what is tested:

    class TestConformance(Conformance):
        @pytest.fixture
        def provider(self) -> Iterator[ProviderUnderTest]:
            with Cluster() as cluster, MyServer(cluster) as server:
                yield ProviderUnderTest(PLUGIN, {"address": server.url}, cluster)

The server is the author's part: a real one, or one that refuses what the real one refuses. `loopback` and `signing`
help to write it.

- `provider`: what the author says
- `cluster`: an issuer of ServiceAccount tokens, with its discovery
- `suite_settings`, `suite_tokens`, `suite_trust`, `suite_keys`, `suite_faults`, `suite_provision`, `suite_healing`: the
  tests
- `mounts`, `wires`, `troubles`, `verifying`, `secrecy`: what they stand on
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("secrecy", "verifying")),
    *(f"{__name__}.suite_{part}" for part in ("settings", "tokens", "trust", "keys", "faults", "provision", "healing")),
)

from aegis_idp.conformance.cluster import Cluster  # noqa: E402  # after its assertions are set up to be told
from aegis_idp.conformance.provider import HOST, ProviderUnderTest, oauth_refusal  # noqa: E402  # same
from aegis_idp.conformance.suite_faults import FaultSuite  # noqa: E402  # same
from aegis_idp.conformance.suite_healing import HealingSuite  # noqa: E402  # same
from aegis_idp.conformance.suite_keys import KeySuite  # noqa: E402  # same
from aegis_idp.conformance.suite_provision import ProvisionSuite  # noqa: E402  # same
from aegis_idp.conformance.suite_settings import SettingsSuite  # noqa: E402  # same
from aegis_idp.conformance.suite_tokens import TokenSuite  # noqa: E402  # same
from aegis_idp.conformance.suite_trust import TrustSuite  # noqa: E402  # same

__all__ = ["HOST", "Cluster", "Conformance", "ProviderUnderTest", "oauth_refusal"]


class Conformance(SettingsSuite, TokenSuite, TrustSuite, KeySuite, FaultSuite, ProvisionSuite, HealingSuite):
    """All of it. A subclass whose name starts with Test has the fixture `provider`."""
