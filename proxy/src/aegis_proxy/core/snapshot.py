"""What the request path knows at one moment: immutable, swapped whole, so each request is judged by one generation."""

from collections.abc import Callable, Mapping

from attrs import field, frozen

from aegis_api.hosts import service_of
from aegis_api.identity import Identity
from aegis_api.names import Subject
from aegis_idp.values import Principal
from aegis_proxy.core.keys import KeySet
from aegis_proxy.core.rules import NO_RULES, RuleIndex


@frozen
class Audiences:
    """The `aud` values that tokens for this pod may hold (RFC 7519 section 4.1.3).

    `fixed` are compared as they are. `namespace`, where it is not empty, admits `<service>.<namespace>.svc` for every
    service name: the callee does not know which Services select it.
    """

    fixed: frozenset[str]
    namespace: str = ""

    def accept(self, audience: str) -> bool:
        if audience in self.fixed:
            return True
        return bool(self.namespace) and (service := service_of(audience)) is not None and service[1] == self.namespace


@frozen(eq=False)
class Authority:
    """A provider whose tokens this pod accepts. `subject` is its plugin's answer to "whose token is this?".

    `keys` may be empty: then nobody can be verified, which is a 503 and not a 401. Where `subject` gives a Principal,
    `principals` says whose id it is.
    """

    provider: str
    issuer: str
    audiences: Audiences
    algorithms: frozenset[str]
    types: frozenset[str]
    max_lifetime: int
    keys: KeySet
    subject: Callable[[Mapping[str, object]], Subject | Principal] = field(repr=False)
    principals: Mapping[str, Subject] = field(factory=dict, repr=False)


@frozen(eq=False)
class Snapshot:
    """`authorities` by issuer; `rules` of all policies of this pod; `identity` is what this pod assumes on the way out.

    `closed` says why nothing may pass yet (nothing synced, or what is known is too old); it is empty in normal service.
    `untrusted` says which accepted providers are not among `authorities`, and why: a token of an issuer that is not
    known may be of one of them. It is empty if all are.
    `no_token` says why the identity that this pod was given cannot be assumed now, so that a request is refused rather
    than sent without the token it should have; it is empty if it can be assumed, or if none was given.
    """

    generation: int
    authorities: Mapping[str, Authority] = field(factory=dict)
    rules: RuleIndex = NO_RULES
    identity: Identity | None = None
    audience: str = ""
    audience_per_destination: bool = False
    closed: str = ""
    untrusted: str = ""
    no_token: str = ""


NOTHING_KNOWN = Snapshot(generation=0, closed="no policy and no keys have been received yet")
