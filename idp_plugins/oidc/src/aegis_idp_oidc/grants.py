"""The request for a token: which form, which header, which of it is secret."""

import base64
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_idp.destinations import destinations
from aegis_idp.errors import Misconfigured
from aegis_idp.oauth import JWT_BEARER_ASSERTION, JWT_BEARER_GRANT, TOKEN_EXCHANGE_GRANT
from aegis_idp.values import PodContext, PodNeeds, ProjectedToken, Secret, TokenRequest
from aegis_idp_oidc.keycloak.wanted import scope_name
from aegis_idp_oidc.refusals import Asked
from aegis_idp_oidc.settings import OidcSettings
from aegis_idp_oidc.templates import filled


@frozen
class Ask:
    """What goes to the token endpoint. `secrets` are the parts of it that no text may quote."""

    form: Mapping[str, str] = field(repr=False, hash=False)
    headers: Mapping[str, str] = field(repr=False, hash=False)
    secrets: tuple[Secret, ...]
    asked: Asked


def needs_of(settings: OidcSettings, pod: PodContext) -> PodNeeds:
    """The ServiceAccount token or the Secret that `ask_for` will show."""
    if settings.grant is None:
        raise _no_grant()
    if pod.audience_per_destination and not settings.asks_for_audience:
        raise Misconfigured(
            "with audiencePerDestination the server must hear which audience a token is wanted for: set "
            "config.audienceParameter, or {audience} in config.scope"
        )
    if settings.keycloak is not None:
        for audience in destinations(pod.hosts) if pod.audience_per_destination else (pod.audience,):
            scope_name(_client_at_keycloak(settings, pod.subject), audience)
    token = ProjectedToken(settings.shown_audience, settings.expiration_seconds)
    stored = settings.client_secret or settings.client_key
    return PodNeeds(
        tokens=(token,) if settings.grant != "client_credentials" else (),
        secrets=(stored.of(pod.subject),) if stored else (),
    )


def ask_for(settings: OidcSettings, request: TokenRequest, clock: Callable[[], float] = time.time) -> Ask:
    """The request for a token. Raises Misconfigured if these settings cannot get one, or a file is not mounted."""
    subject = request.subject
    client = filled(settings.client_id or "", namespace=subject.namespace, name=subject.name)
    grant, shown = _grant(settings, request)
    authentication, headers, secrets = _client(settings, client, request, clock)
    credential = "its secret" if settings.client_key is None else "its key"
    if shown:
        credential = f"the ServiceAccount token of {subject} with the audience {settings.shown_audience}"
    return Ask(
        {**settings.parameters, **grant, **authentication, **_wanted(settings, request)},
        headers,
        (*shown, *secrets),
        Asked(client or str(subject), credential, request.audience),
    )


def _grant(settings: OidcSettings, request: TokenRequest) -> tuple[dict[str, str], tuple[Secret, ...]]:
    """The grant's part of the form, and the ServiceAccount token in it, if there is one."""
    if settings.grant is None:
        raise _no_grant()
    if settings.grant == "client_credentials":
        return {"grant_type": "client_credentials"}, ()
    token = request.service_account_token(settings.shown_audience)
    if settings.grant == "jwt_bearer":
        return {"grant_type": JWT_BEARER_GRANT, "assertion": token.reveal()}, (token,)
    if settings.grant == "token_exchange":
        shown = {"subject_token": token.reveal(), "subject_token_type": settings.subject_token_type}
        return {"grant_type": TOKEN_EXCHANGE_GRANT, **shown}, (token,)
    return {"grant_type": "client_credentials", **_assertion(token)}, (token,)


def _assertion(token: Secret) -> dict[str, str]:
    return {"client_assertion_type": JWT_BEARER_ASSERTION, "client_assertion": token.reveal()}


def _wanted(settings: OidcSettings, request: TokenRequest) -> dict[str, str]:
    """What the token shall be good for."""
    if settings.keycloak is not None:
        return {"scope": scope_name(_client_at_keycloak(settings, request.subject), request.audience)}
    wanted: dict[str, str] = {}
    if settings.scope is not None:
        wanted["scope"] = filled(settings.scope, audience=request.audience)
    if settings.audience_parameter != "none":
        wanted[settings.audience_parameter] = filled(settings.audience_template, audience=request.audience)
    return wanted


def _client_at_keycloak(settings: OidcSettings, subject: Subject) -> str:
    return filled(settings.subject_template, namespace=subject.namespace, name=subject.name)


def _client(
    settings: OidcSettings, client: str, request: TokenRequest, clock: Callable[[], float]
) -> tuple[dict[str, str], dict[str, str], tuple[Secret, ...]]:
    """The client's part of the form, its headers, and the secrets in both (RFC 6749 section 2.3.1)."""
    if settings.client_key is not None:
        key = request.secret(settings.client_key.of(request.subject))
        from aegis_idp_oidc.assertions import assertion  # only who signs loads the libraries for it

        signed = assertion(key, client, settings.shown_audience, settings.client_key.key_id, clock())
        return {"client_id": client, **_assertion(signed)}, {}, (key, signed)
    if settings.client_secret is None:
        return {"client_id": client} if client else {}, {}, ()
    secret = request.secret(settings.client_secret.of(request.subject))
    if settings.client_secret.method == "client_secret_post":
        return {"client_id": client, "client_secret": secret.reveal()}, {}, (secret,)
    # Both parts are form-encoded before they become a pair of RFC 7617.
    pair = f"{quote_plus(client)}:{quote_plus(secret.reveal())}"
    encoded = base64.b64encode(pair.encode()).decode()
    return {}, {"authorization": f"Basic {encoded}"}, (secret, Secret(encoded))


def _no_grant() -> Misconfigured:
    return Misconfigured(
        "this provider's settings say how tokens are checked and not how one is got: set config.grant, to "
        "client_assertion where the server accepts the cluster's ServiceAccount tokens"
    )
