"""One request to Vault's HTTP API, and its answer or the right error."""

import re
from collections.abc import Mapping

from attrs import evolve, field, frozen

from aegis_idp.claims import bearer_of
from aegis_idp.errors import Misconfigured, ProviderError, Refused, Throttled, Unavailable
from aegis_idp.http import Http, Response, ask_json
from aegis_idp.redaction import quoted
from aegis_idp.values import Secret
from aegis_idp_vault.refusals import Asked, explained
from aegis_idp_vault.settings import VaultSettings

# A standby that has not seen the last write yet says 412: the same request goes through later.
_BEHIND = 412
_CAPABILITIES = {"GET": "read", "POST": "create and update", "DELETE": "delete"}
_TOKEN = re.compile(r"[!-~]{1,4096}")
_ENTITY = re.compile(r"[A-Za-z0-9-]{1,64}")


@frozen
class Vault:
    """Vault, as `settings` say; `token` is that of a login with `role` by the token of `bearer`.

    Errors never show the token or one of `secrets`.
    """

    settings: VaultSettings
    http: Http
    token: Secret | None = None
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    role: str = ""
    bearer: str = ""

    async def ask(
        self, method: str, path: str, what: str, body: Mapping[str, object] | None = None
    ) -> Mapping[str, object]:
        """The JSON object of a good answer, empty for one without content. `path` is below `/v1/`.

        Raises Unavailable where the same request may go through later, else Refused, with the status as its code.
        """
        headers = {"x-vault-request": "true"}
        if self.settings.namespace:
            headers["x-vault-namespace"] = self.settings.namespace
        if self.token is not None:
            headers["x-vault-token"] = self.token.reveal()
        response = await ask_json(self.http, method, f"{self.settings.base}/v1/{path}", body, headers=headers)
        right = f"{_CAPABILITIES[method]} on {path}" if self.token else ""
        return self.answer(response, f"Vault at {self.settings.base}, {what}", right)

    def answer(self, response: Response, what: str, right: str = "") -> Mapping[str, object]:
        """What `ask` returns or raises for `response`. `right` is what a policy has to allow for the request."""
        if response.status == 204:
            return {}
        shown = (*self.secrets, *((self.token,) if self.token else ()))
        try:
            return response.good_answer(what, *shown)
        except ProviderError as error:
            if 200 <= response.status < 400:
                raise
            said = _errors(response, shown)
            text = f"{error}: {said}" if said else str(error)
            text = f"{text}; {explained(Asked(self.settings, self.role, self.bearer, right), response.status, said)}"
            if isinstance(error, Refused) and response.status != _BEHIND:
                raise Refused(text, str(response.status)) from None
            if isinstance(error, Throttled):
                raise Throttled(text, error.retry_after) from None
            raise Unavailable(text, response.retry_after()) from None


@frozen
class Session:
    """A login: Vault with its token, and the entity that the token is of."""

    vault: Vault
    entity: str


async def login(vault: Vault, role: str, account_token: Secret) -> Session:
    """Logs in at the JWT auth method with a ServiceAccount token."""
    mount = vault.settings.mount
    what = f"the login with the role {role} of auth/{mount}"
    known = evolve(vault, secrets=(account_token,), role=role, bearer=_bearer(account_token))
    answer = await known.ask("POST", f"auth/{mount}/login", what, {"role": role, "jwt": account_token.reveal()})
    auth = part(answer, "auth")
    token = text_of(auth, "client_token", _TOKEN, what)
    entity = text_of(auth, "entity_id", _ENTITY, what)
    return Session(evolve(known, token=Secret(token)), entity)


def _bearer(token: Secret) -> str:
    try:
        return bearer_of(token)
    except Misconfigured:  # Vault will say what is wrong with it
        return "the ServiceAccount that logs in"


def part(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The object under `name`; empty if there is none."""
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def text_of(answer: Mapping[str, object], name: str, form: re.Pattern[str], what: str) -> str:
    """The text under `name`. Raises Unavailable if it is not of the form that Vault gives it."""
    value = answer.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Unavailable(f"{what}: the answer holds no {name} of the form that Vault gives it")
    return value


def entity_of(answer: Mapping[str, object], name: str, what: str) -> str:
    """The id of an entity under `name`; it becomes a part of paths."""
    return text_of(answer, name, _ENTITY, what)


def _errors(response: Response, secrets: tuple[Secret, ...]) -> str:
    """What Vault says in `errors`, in one line."""
    try:
        errors = response.json_object("").get("errors")
    except Unavailable:
        return ""
    texts = errors if isinstance(errors, list) else []
    return quoted("; ".join(" ".join(text.split()) for text in texts if isinstance(text, str)), secrets)
