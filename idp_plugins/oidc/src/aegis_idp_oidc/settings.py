"""The settings of a provider of the type `oidc`."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

from attrs import frozen

from aegis_idp.settings import setting
from aegis_idp.urls import check_base_url, check_endpoint
from aegis_idp.values import ASYMMETRIC_ALGORITHMS
from aegis_idp_oidc.templates import check_subject_template, check_template

Grant = Literal["client_assertion", "jwt_bearer", "client_credentials"]

_CLIENT_ID = r"[ -~]+"  # RFC 6749 appendix A.1


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


@frozen
class ClientSecret:
    """A client secret in a Kubernetes Secret of the pod's namespace."""

    name: str = setting(
        "The Secret's name, in which {name} stands for the ServiceAccount's.",
        check=partial(check_template, places=("name",)),
    )
    key: str = setting("The key in the Secret.", pattern=r"[-._a-zA-Z0-9]{1,253}", wanted="a key of a Secret")
    method: Literal["client_secret_basic", "client_secret_post"] = setting(
        "How the client shows it (OpenID Connect Core 1.0 section 9).", default="client_secret_basic"
    )


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
        "How a token is got: client_assertion (RFC 7523 section 2.2) and jwt_bearer (section 2.1) show the pod's "
        "ServiceAccount token, client_credentials a stored secret. Default: tokens of this provider are only checked.",
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
    scope: str | None = setting(
        "The scope to ask for, in which {audience} stands for the wanted audience.",
        default=None,
        check=partial(check_template, places=("audience",)),
    )
    audience_parameter: Literal["audience", "resource", "none"] = setting(
        "The parameter by which the server wants to hear the audience (resource: RFC 8707).", default="audience"
    )
    assertion_audience: str | None = setting(
        "The audience of the ServiceAccount token that the server is shown. Default: the issuer.", default=None
    )
    expiration_seconds: int = setting(
        "How long that ServiceAccount token lives; the kubelet renews it at 80 % of that.",
        default=3600,
        low=600,
        high=86400,
    )

    def __attrs_post_init__(self) -> None:
        if self.jwks is not None and self.jwks_uri is not None:
            raise ValueError("jwks or jwksUri, not both")
        if self.grant == "client_credentials" and (self.client_id is None or self.client_secret is None):
            raise ValueError("clientId and clientSecret with the grant client_credentials")
        if self.grant == "client_assertion" and self.client_secret is not None:
            raise ValueError("no clientSecret with the grant client_assertion: the ServiceAccount token stands for it")
        if self.client_secret is not None and self.client_id is None:
            raise ValueError("clientId with clientSecret")

    @property
    def asks_for_audience(self) -> bool:
        """Whether a request for a token says which audience it is wanted for."""
        return self.audience_parameter != "none" or (self.scope is not None and "{audience}" in self.scope)

    @property
    def shown_audience(self) -> str:
        """The audience of the ServiceAccount token that the server is shown."""
        return self.assertion_audience or self.issuer
