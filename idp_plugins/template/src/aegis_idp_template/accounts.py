"""Accounts at the token service: one for each identity, with the mark of its owner."""

from aegis_api.names import Subject
from aegis_idp.errors import ForeignObject, Refused
from aegis_idp.http import Http, ask_json
from aegis_idp.values import Provisioned, ProvisionRequest
from aegis_idp_template.settings import TemplateSettings

_CONFLICT = "conflict"
_NOT_FOUND = "not_found"


def account_name(subject: Subject) -> str:
    """The account of a subject. A namespace holds no dot, so no two subjects share a name."""
    return f"{subject.namespace}.{subject.name}"


async def make_account(settings: TemplateSettings, request: ProvisionRequest, http: Http) -> Provisioned:
    """PUT makes an account, or leaves the one that has the same owner as it should be."""
    body = {"subject": str(request.subject), "owner": _owner(request)}
    answer = await _call("PUT", settings, request, http, body)
    return Provisioned({"account": str(answer.get("account", ""))})


async def remove_account(settings: TemplateSettings, request: ProvisionRequest, http: Http) -> None:
    """DELETE names the owner, so that the service removes nobody else's account."""
    try:
        await _call("DELETE", settings, request, http, {"owner": _owner(request)})
    except Refused as error:
        if error.code != _NOT_FOUND:
            raise


def _owner(request: ProvisionRequest) -> str:
    return f"{request.owner.cluster}/{request.owner.uid}"


async def _call(
    method: str, settings: TemplateSettings, request: ProvisionRequest, http: Http, body: dict[str, str]
) -> dict[str, object]:
    """Asks with the host's own ServiceAccount token: the service knows the reconcile function by it."""
    name = account_name(request.subject)
    token = request.host_token_at(settings.address)
    response = await ask_json(http, method, f"{settings.address}/accounts/{name}", body, bearer=token)
    try:
        return dict(response.good_answer(f"the account {name} at {settings.address}", token))
    except Refused as error:
        if error.code == _CONFLICT:
            raise ForeignObject(
                f"the account {name} at {settings.address} has another owner: remove it there, or use another name"
            ) from error
        raise
