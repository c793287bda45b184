"""The part of IAM that makes roles, changes and removes them.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html and its neighbours. A role that is not there is
authorised without its path, so a caller whose rights end at a path is told AccessDenied.
"""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from attrs import frozen

from aegis_idp.conformance.loopback import Answer
from aegis_idp_fakes.aws.accounts import Account, Role, Session
from aegis_idp_fakes.aws.policies import read_policy
from aegis_idp_fakes.aws.wire import Value, aws_error, good_answer, pairs

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_MOST_ROLES = 1000


@frozen
class _Call:
    session: Session
    form: Mapping[str, str]

    @property
    def account(self) -> Account:
        return self.session.account

    def named(self) -> str:
        name = self.form.get("RoleName", "")
        if not re.fullmatch(r"[\w+=,.@-]{1,64}", name, re.ASCII):
            raise aws_error(400, "ValidationError", "The specified value for roleName is invalid.")
        return name

    def authorise(self, action: str, arn: str, boundary: str | None) -> None:
        caller = self.account.by_arn(self.session.role_arn)
        context = {"iam:PermissionsBoundary": (boundary,)} if boundary else {}
        if caller is None or not self.account.may(caller, f"iam:{action}", arn, context):
            text = f"User: {self.session.role_arn} is not authorized to perform: iam:{action} on resource: {arn}"
            raise aws_error(403, "AccessDenied", text)

    def role(self) -> Role:
        """The role that is asked about, if the caller may."""
        name, action = self.named(), self.form["Action"]
        role = self.account.known(name)
        boundary = self.form.get("PermissionsBoundary") or (role.boundary if role else None)
        self.authorise(action, role.arn if role else self.account.arn("/", name), boundary)
        if role is None:
            raise aws_error(404, "NoSuchEntity", f"The role with name {name} cannot be found.")
        return role

    def boundary(self) -> str | None:
        wanted = self.form.get("PermissionsBoundary")
        if wanted is not None and wanted not in self.account.managed:
            raise aws_error(404, "NoSuchEntity", f"Scope ARN: {wanted} does not exist or is not attachable.")
        return wanted


def answered(session: Session, form: Mapping[str, str]) -> Answer:
    """The answer to a signed call. Raises Refusal."""
    action = form.get("Action", "")
    if action not in _ACTIONS:
        raise aws_error(400, "InvalidAction", f"Could not find operation {action} for version 2010-05-08")
    return good_answer(NAMESPACE, action, _ACTIONS[action](_Call(session, form)))


def _create(call: _Call) -> Mapping[str, Value] | None:
    name, path, account = call.named(), call.form.get("Path", "/"), call.account
    arn, tags = account.arn(path, name), pairs(call.form, "Tags")
    for action in ("CreateRole", *(["TagRole"] if tags else [])):
        call.authorise(action, arn, call.form.get("PermissionsBoundary"))
    if name.lower() in {one.lower() for one in account.roles}:
        raise aws_error(409, "EntityAlreadyExists", f"Role with name {name} already exists.")
    if len(account.roles) >= _MOST_ROLES:
        raise aws_error(409, "LimitExceeded", f"Cannot exceed quota for RolesPerAccount: {_MOST_ROLES}")
    role = account.register(
        name,
        read_policy(call.form.get("AssumeRolePolicyDocument", "")),
        path,
        tags=tags,
        description=call.form.get("Description", ""),
        boundary=call.boundary(),
        born=account.propagation.birth(),
    )
    return {"Role": _shown(role)}


def _get(call: _Call) -> Mapping[str, Value] | None:
    return {"Role": _shown(call.role())}


def _update_trust(call: _Call) -> None:
    call.role().trust = read_policy(call.form.get("PolicyDocument", ""))


def _tag(call: _Call) -> None:
    call.role().tags.update(pairs(call.form, "Tags"))


def _bound(call: _Call) -> None:
    call.role().boundary = call.boundary()


def _put_policy(call: _Call) -> None:
    call.role().policies[call.form.get("PolicyName", "")] = read_policy(call.form.get("PolicyDocument", ""))


def _get_policy(call: _Call) -> Mapping[str, Value] | None:
    role, name = call.role(), _policy_name(call)
    return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": quote(json.dumps(role.policies[name]))}


def _delete_policy(call: _Call) -> None:
    del call.role().policies[_policy_name(call)]


def _delete(call: _Call) -> None:
    role = call.role()
    if role.policies or role.attached:
        raise aws_error(409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
    del call.account.roles[role.name]


def _policy_name(call: _Call) -> str:
    name = call.form.get("PolicyName", "")
    if name not in call.role().policies:
        raise aws_error(404, "NoSuchEntity", f"The role policy with name {name} cannot be found.")
    return name


def _shown(role: Role) -> Mapping[str, Value]:
    shown: dict[str, Value] = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": "2026-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": quote(json.dumps(role.trust)),
        "Description": role.description,
        "MaxSessionDuration": str(role.longest_session),
        "Tags": [{"Key": key, "Value": value} for key, value in role.tags.items()],
    }
    if role.boundary:
        bound = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": role.boundary}
        shown["PermissionsBoundary"] = bound
    return shown


_ACTIONS: Mapping[str, Callable[[_Call], Mapping[str, Value] | None]] = {
    "CreateRole": _create,
    "GetRole": _get,
    "UpdateAssumeRolePolicy": _update_trust,
    "TagRole": _tag,
    "PutRolePermissionsBoundary": _bound,
    "PutRolePolicy": _put_policy,
    "GetRolePolicy": _get_policy,
    "DeleteRolePolicy": _delete_policy,
    "DeleteRole": _delete,
}
