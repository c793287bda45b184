"""What the author of a plugin tells the tests: the plugin, its settings, and a server that behaves as the real one."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from aegis_api.hosts import HostPattern
from aegis_api.names import Subject
from aegis_api.reading import Node
from aegis_idp.blocking import run
from aegis_idp.conformance.cluster import AnyCluster
from aegis_idp.conformance.mounts import Mounts
from aegis_idp.errors import ClaimRefused
from aegis_idp.http import Http, Response
from aegis_idp.plugin import Plugin
from aegis_idp.settings import read_settings
from aegis_idp.values import (
    PRINCIPAL,
    Owner,
    PodContext,
    PodNeeds,
    Principal,
    Provisioned,
    ProvisionRequest,
    Secret,
    SecretKey,
)

HOST = Subject("aegis-system", "aegis-reconcile")
"""The ServiceAccount of the reconcile function: whom the server lets make and remove identities."""

_OWNER = Owner("test-cluster", "7d5b1c1e-2f64-4a39-8e1a-0c7b3f0f5a11")


def oauth_refusal(description: str) -> Response:
    """How an OAuth 2.0 server says no (RFC 6749 section 5.2)."""
    body = {"error": "invalid_client", "error_description": description}
    return Response(401, {"content-type": "application/json"}, json.dumps(body).encode())


@frozen
class ProviderUnderTest:
    """`config` is a good `spec.config` for a server that is running and accepts the tokens of `cluster`.

    - `http`: the client that the plugin gets; by default one that reaches `cluster` as its API server
    - `audience`: one that the server issues tokens for
    - `secret`: what stands in a Kubernetes Secret that the plugin wants mounted
    - `enrol`: lets the server know a subject, where the plugin does not do so itself (`makes_objects`)
    - `objects`: all that now exists at the server, as a value to compare; for plugins that make objects
    - `rotate`: makes the server sign with a new key from now on; True leaves the former one published
    - `spoil`: changes what the server holds for a subject, as an administrator's slip would
    - `refusal`: how this server answers no, with a text of its own, and `refusal_code`, which the error must show
    """

    plugin: Plugin[Any]
    config: Mapping[str, object]
    cluster: AnyCluster
    http: Http = field()
    audience: str = "aegis"
    secret: Callable[[Subject, SecretKey], str] = lambda _, __: ""
    enrol: Callable[[Subject], None] = lambda _: None
    objects: Callable[[], object] = lambda: None
    rotate: Callable[[bool], None] | None = None
    spoil: Callable[[Subject], None] | None = None
    refusal: Callable[[str], Response] = oauth_refusal
    refusal_code: str = "invalid_client"
    _known: dict[Subject, Mapping[str, str]] = field(factory=dict, init=False, repr=False)

    @http.default
    def _http(self) -> Http:
        return self.cluster.http()

    @property
    def settings(self) -> Any:
        return read_settings(self.plugin.settings, Node(self.config, "spec.config"))

    @property
    def makes_objects(self) -> bool:
        return self.plugin.makes_objects(self.settings)

    def context(self, subject: Subject, destinations: tuple[str, ...] = ()) -> PodContext:
        """A pod of `subject`; with `destinations` it wants one audience for each of them."""
        return PodContext(subject, self.audience, bool(destinations), _hosts(destinations))

    def needs(self, subject: Subject, destinations: tuple[str, ...] = ()) -> PodNeeds:
        return self.plugin.pod_needs(self.settings, self.context(subject, destinations))

    def mounts(self, subject: Subject, destinations: tuple[str, ...] = ()) -> Mounts:
        """Exactly what the plugin says that a pod of `subject` needs, and nothing more."""
        needs = self.needs(subject, destinations)
        return Mounts(
            subject,
            {token.audience: self.cluster.token(subject, token.audience) for token in needs.tokens},
            {key: Secret(self.secret(subject, key)) for key in needs.secrets},
            self._known.get(subject, {}),
        )

    def subject(self, claims: Mapping[str, object]) -> Subject:
        """Whose token the claims are of, as the host finds it. Raises ClaimRefused."""
        found = self.plugin.subject(self.settings, claims)
        if not isinstance(found, Principal):
            return found
        owners = [subject for subject, metadata in self._known.items() if metadata.get(PRINCIPAL) == found.id]
        if len(owners) != 1:
            raise ClaimRefused(f"{len(owners)} identities have this id at the provider")
        return owners[0]

    def request(self, subject: Subject, **changes: Any) -> ProvisionRequest:
        """The request to make or remove `subject`, by the reconcile function of this cluster."""
        request = ProvisionRequest(
            subject=subject,
            owner=_OWNER,
            audience=self.audience,
            audience_per_destination=False,
            hosts=(HostPattern("*.svc"),),
            host_token=lambda audience: self.cluster.token(HOST, audience),
            host_token_at=lambda address: self.cluster.token(HOST, address),
        )
        return evolve(request, **changes)

    def make_known(self, subject: Subject, destinations: tuple[str, ...] = ()) -> Provisioned:
        """Lets the server know `subject`, by the plugin or by `enrol`; with `destinations` as in `context`."""
        self.enrol(subject)
        return self.made(subject, audience_per_destination=bool(destinations), hosts=_hosts(destinations))

    def made(self, subject: Subject, **changes: Any) -> Provisioned:
        """The plugin's answer to the request for `subject`, kept as its Identity's status keeps it."""
        made = run(self.plugin.provision(self.settings, self.request(subject, **changes), self.http))
        self._known[subject] = made.metadata
        return made


def _hosts(destinations: tuple[str, ...]) -> tuple[HostPattern, ...]:
    return tuple(HostPattern(host) for host in destinations) or (HostPattern("*.svc"),)
