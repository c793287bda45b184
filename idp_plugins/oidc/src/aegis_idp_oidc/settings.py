"""The settings of a provider of the type `oidc`."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Literal

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_base_url, check_endpoint, origin
from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_idp_oidc.clients import ClientKey, ClientSecret
from aegis_idp_oidc.keycloak.settings import KeycloakSettings
from aegis_idp_oidc.templates import check_subject_template, check_template

Grant = Literal["client_assertion", "jwt_bearer", "token_exchange", "client_credentials"]

_CLIENT_ID = r"[ -~]+"  # RFC 6749 appendix A.1
_KEYCLOAK_TEMPLATE = re.compile(r"aegis\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.\{namespace\}\.\{name\}")
_OURS = frozenset(
    {"grant_type", "assertion", "subject_token", "subject_token_type", "audience", "resource", "scope"}
    | {"client_id", "client_secret", "client_assertion", "client_assertion_type"}
)


def _check_key_set(document: Mapping[str, object]) -> None:
    keys = document.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, Mapping) for key in keys):
        raise ValueError("a JWK Set (RFC 7517 section 5): an object with the list keys, each an object")


def _check_algorithms(names: tuple[str, ...]) -> None:
    if not names or not set(names) <= ASYMMETRIC_ALGORITHMS:
        raise ValueError(f"one or more of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}")


def _check_types(names: tuple[str, ...]) -> None:
    if any(name != name.lower() for name in names):
        raise ValueError("values of the typ header in lower case, like at+jwt")


def _check_parameters(parameters: Mapping[str, str]) -> None:
    if taken := sorted(_OURS & set(parameters)):
        raise ValueError(f"no {', '.join(taken)}: that follows from the other settings")


@frozen
class OidcSettings:
    """`issuer` is all that is needed to check tokens; `grant` and what belongs to it is needed to get some."""

    issuer: str = setting("The issuer: what a token's iss is, byte for byte.", check=check_base_url)
    jwks: Mapping[str, object] | None = setting(
        "The key set itself, for an issuer that cannot be reached.", default=None, check=_check_key_set
    )
    jwks_uri: str | None = setting(
        "Where the key set is. Default: what the issuer's discovery document says.", default=None, check=check_endpoint
    )
    algorithms: tuple[str, ...] = setting(
        "The signature algorithms that are good.", default=tuple(sorted(ASYMMETRIC_ALGORITHMS)), check=_check_algorithms
    )
    types: tuple[str, ...] = setting(
        "Values of a token's typ header that are good beside JWT and none.", default=("at+jwt",), check=_check_types
    )
    max_lifetime_seconds: int = setting("How far a token's exp may lie ahead.", default=86400, low=60, high=31536000)
    subject_claim: str = setting("The claim that says whose token it is.", default="sub")
    subject_template: str = setting(
        "How that claim spells the ServiceAccount `name` of `namespace`, like aegis.{namespace}.{name}.",
        default="system:serviceaccount:{namespace}:{name}",
        check=check_subject_template,
    )
    required_claims: Mapping[str, str] = setting("Claims that must have these values.", default={})
    grant: Grant | None = setting(
        "How a token is got: client_assertion (RFC 7523 section 2.2), jwt_bearer (section 2.1) and token_exchange (RFC "
        "8693) show the pod's ServiceAccount token, client_credentials a stored secret or key. Default: tokens of this "
        "provider are only checked.",
        default=None,
    )
    token_endpoint: str | None = setting(
        "Where a token is asked for. Default: what the issuer's discovery document says.",
        default=None,
        check=check_endpoint,
    )
    client_id: str | None = setting(
        "The client id, in which {namespace} and {name} stand for the ServiceAccount's.",
        default=None,
        pattern=_CLIENT_ID,
        wanted="a client id of printable ASCII characters",
        check=partial(check_template, places=("namespace", "name")),
    )
    client_secret: ClientSecret | None = setting("The client's secret, for client_credentials.", default=None)
    client_key: ClientKey | None = setting(
        "The client's private key, for client_credentials by private_key_jwt (OpenID Connect Core 1.0 section 9).",
        default=None,
    )
    subject_token_type: str = setting(
        "What a token exchange calls the ServiceAccount token (RFC 8693 section 3).",
        default="urn:ietf:params:oauth:token-type:jwt",
    )
    parameters: Mapping[str, str] = setting(
        "Further parameters that this server wants with each request for a token, like connector_id of Dex. No "
        "secrets: settings can be read by many.",
        default={},
        check=_check_parameters,
    )
    scope: str | None = setting(
        "The scope to ask for, in which {audience} stands for the wanted audience.",
        default=None,
        check=partial(check_template, places=("audience",)),
    )
    audience_parameter: Literal["audience", "resource", "none"] = setting(
        "The parameter by which the server wants to hear the audience (resource: RFC 8707).", default="audience"
    )
    audience_template: str = setting(
        "How that parameter spells the audience, like urn:mesh:{audience}: RFC 8707 wants a URI. The token's aud is "
        "the audience all the same.",
        default="{audience}",
        check=partial(check_template, places=("audience",)),
    )
    assertion_audience: str | None = setting(
        "The audience of the assertion, or of the ServiceAccount token, that the server is shown. Default: the issuer.",
        default=None,
    )
    expiration_seconds: int = setting(
        "How long that ServiceAccount token lives; the kubelet renews it at 80 % of that.",
        default=3600,
        low=600,
        high=86400,
    )
    keycloak: KeycloakSettings | None = setting(
        "Make and remove a client of a Keycloak realm for each Identity. Default: somebody else makes the clients.",
        default=None,
    )

    def __attrs_post_init__(self) -> None:
        if self.jwks is not None and self.jwks_uri is not None:
            raise ValueError("jwks or jwksUri, not both")
        if self.client_secret is not None and self.client_key is not None:
            raise ValueError("clientSecret or clientKey, not both")
        stored = self.client_secret is not None or self.client_key is not None
        if self.grant == "client_credentials" and (self.client_id is None or not stored):
            raise ValueError("clientId, and clientSecret or clientKey, with the grant client_credentials")
        if self.grant == "client_assertion" and stored:
            raise ValueError(
                "no clientSecret and no clientKey with the grant client_assertion: the ServiceAccount token stands for "
                "it"
            )
        if stored and self.client_id is None:
            raise ValueError("clientId with clientSecret and clientKey")
        if self.keycloak is not None:
            self._check_keycloak(self.keycloak)

    def _check_keycloak(self, keycloak: KeycloakSettings) -> None:
        """What the clients that are made can do is what the tokens are asked for by."""
        if self.grant != "client_assertion" or self.client_id is not None:
            raise ValueError("the grant client_assertion, and no clientId, with keycloak")
        if self.subject_claim not in ("azp", "client_id"):
            raise ValueError("subjectClaim azp with keycloak: the client id is what a client cannot choose")
        if self.scope is not None or self.audience_parameter != "none":
            raise ValueError(
                "audienceParameter none, and no scope, with keycloak: each audience is a scope that is made"
            )
        if not _KEYCLOAK_TEMPLATE.fullmatch(self.subject_template):
            raise ValueError(
                "subjectTemplate aegis.CLUSTER.{namespace}.{name} with keycloak, where CLUSTER is lower-case letters, "
                "digits and '-': so no namespace can have clients made that are read as another's"
            )
        if self.token_endpoint is not None or self.assertion_audience is not None:
            raise ValueError(
                "no tokenEndpoint and no assertionAudience with keycloak: the reconcile function shows its token to "
                "the issuer alone"
            )
        if keycloak.admin_url is None and "/realms/" not in self.issuer:
            raise ValueError("an issuer of the form https://HOST/realms/REALM with keycloak, or keycloak.adminUrl")
        if keycloak.admin_url is not None and origin(keycloak.admin_url) != origin(self.issuer):
            raise ValueError("a keycloak.adminUrl at the issuer's own scheme, host and port")

    @property
    def asks_for_audience(self) -> bool:
        """Whether a request for a token says which audience it is wanted for."""
        in_scope = self.keycloak is not None or (self.scope is not None and "{audience}" in self.scope)
        return self.audience_parameter != "none" or in_scope

    @property
    def shown_audience(self) -> str:
        """The audience of what the server is shown."""
        return self.assertion_audience or self.issuer
