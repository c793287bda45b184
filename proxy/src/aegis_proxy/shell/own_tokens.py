"""The tokens of the pod's identity, also while it moves from one provider to another.

What the Identity says counts at once, but for the provider: the tokens of the one before go out until the new one has
given its first. For what the new one needs (rights to read it, the identity made there) comes a moment later.
"""

from collections.abc import Callable, Mapping

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from aegis_api.hosts import service_of
from aegis_api.identity import Identity
from aegis_api.names import Subject
from aegis_api.provider import ProviderSpec
from aegis_idp.errors import Misconfigured
from aegis_proxy.core.assembly import no_token_reason
from aegis_proxy.core.knowledge import Present, View
from aegis_proxy.shell.plugins import Provider, Providers
from aegis_proxy.shell.token_source import Binding, TokenSource

# Seconds in which the watches of all proxies bring a change. An id must be known to who is called before it is used.
_ALL_HAVE_HEARD = 5.0


@frozen(eq=False)
class _Home:
    """A provider at which the identity can have tokens. `name` is the one that the Identity knows it by."""

    name: str
    spec: ProviderSpec
    binding: Binding
    first: str
    principals: Mapping[str, Subject]

    def knows(self, principal: str) -> bool:
        """Whether a token that holds no more than this id is a token of the identity: callees look it up here, too."""
        return not principal or self.principals.get(principal) == self.binding.subject


class OwnTokens:
    """`tokens` are those that go out. `make` makes a source of tokens, `issuer_of` says what a provider's issuer is."""

    def __init__(
        self,
        make: Callable[[], TokenSource],
        providers: Providers,
        issuer_of: Callable[[Provider], str],
        clock: IReactorTime,
    ) -> None:
        self.tokens = make()
        self._make = make
        self._providers = providers
        self._issuer_of = issuer_of
        self._clock = clock
        self._home: _Home | None = None
        self._next: TokenSource | None = None
        self._left: TokenSource | None = None
        self._go_at: float | None = None
        self._had_first = False
        self._leaving = ""

    @property
    def had_first(self) -> bool:
        """See TokenSource.had_first. A move changes nothing about it."""
        return self._had_first or self.tokens.had_first

    @property
    def leaving(self) -> str:
        """The name of the provider whose tokens still go out in a move; empty in normal service."""
        return self._leaving

    def follow(self, view: View) -> ProviderSpec | None:
        """Binds the tokens as the view says. In a move: the provider whose tokens still go out, else None."""
        before = self._follow(view)
        self._leaving = before.name if before else ""
        return before.spec if before else None

    def _follow(self, view: View) -> _Home | None:
        home = self._found(view)
        if isinstance(home, str):
            if self._home is not None and self._is_leaving(view, self._home):
                return self._home
            self._stay(None, home)
            return None
        before = self._home
        if before is None or not before.binding.is_another_provider_s(home.binding):
            self._stay(home)
            return None
        if self._next is None:
            self._next = self._make()
        self._next.bind(home.binding)
        both_per_destination = before.spec.audience_per_destination and home.spec.audience_per_destination
        self._next.pin(home.first or (self.tokens.latest if both_per_destination else ""))
        if self.tokens.alive and not self._may_go(self._next, home):
            return before
        self._had_first = self.had_first
        self.tokens.retire()
        self._left, self.tokens, self._next, self._home = self.tokens, self._next, None, home
        self._go_at = None
        self.tokens.pin(home.first)
        return None

    def stop(self) -> None:
        self._stay(None, "the proxy is stopping")
        if self._left is not None:
            self._left.bind(None, "the proxy is stopping")

    def _stay(self, home: _Home | None, reason: str = "") -> None:
        """Binds in place. Whatever was being prepared elsewhere is given up."""
        if self._next is not None:
            self._next.bind(None, "the Identity is elsewhere")
            self._next = self._go_at = None
        self._home = home
        self.tokens.bind(home.binding if home else None, reason)
        if home is not None:
            self.tokens.pin(home.first)

    def _may_go(self, tokens: TokenSource, home: _Home) -> bool:
        """Whether the tokens of the new home are there, and who is called can tell whose they are."""
        now, principal = self._clock.seconds(), tokens.principal
        if not tokens.had_first or not home.knows(principal):
            self._go_at = None
            return False
        if self._go_at is None:
            self._go_at = now + (_ALL_HAVE_HEARD if principal else 0)
        return now >= self._go_at

    def _is_leaving(self, view: View, home: _Home) -> bool:
        """Whether the Identity names another provider by now, and tokens of the one before are at hand."""
        identity = view.identity
        if not isinstance(identity, Present) or identity.resource.provider == home.name:
            return False
        return identity.resource.subject == home.binding.subject and self.tokens.alive

    def _found(self, view: View) -> _Home | str:
        """Where the identity is at home by the view, or why nowhere."""
        if not isinstance(view.identity, Present) or not isinstance(view.own, Present):
            return no_token_reason(view)
        identity, own = view.identity.resource, view.own.resource
        try:
            provider = self._providers.get(own.spec)
        except Misconfigured as error:
            return str(error)
        issuer, metadata = (lambda: self._issuer_of(provider)), identity.provider_metadata
        binding = Binding(provider, identity.subject, issuer, metadata)
        return _Home(identity.provider, own.spec, binding, _first_audience(identity, own.spec), own.principals)


def _first_audience(identity: Identity, spec: ProviderSpec) -> str:
    """The audience of the token that readiness waits for: the provider's, or that of the first host that is known."""
    if not spec.audience_per_destination:
        return spec.audience
    exact = (pattern.text for pattern in identity.hosts if pattern.exact and service_of(pattern.text))
    return next(exact, "")
