"""An identity at AWS: a role, its trust policy, and one inline policy on it.

The role's name is made of cluster and subject, so two clusters, or two namespaces, never meet. Its tags say whose it
is: somebody else could have been there first.
"""

import hashlib
import json
from collections.abc import Mapping
from urllib.parse import unquote
from xml.etree.ElementTree import Element  # a type; answers.py parses

from attrs import field, frozen

from aegis_idp.errors import ForeignObject, Refused, Spreading, Unavailable
from aegis_idp.values import PRINCIPAL, Owner, Provisioned, ProvisionRequest
from aegis_idp_aws.answers import text_of
from aegis_idp_aws.policies import Policy, require_fitting, token_policy, trust_policy
from aegis_idp_aws.query import Api
from aegis_idp_aws.refusals import with_way_out
from aegis_idp_aws.settings import AwsSettings
from aegis_idp_aws.signing import Session
from aegis_idp_aws.tokens import EXCHANGE_AUDIENCE

_NO_SUCH, _EXISTS = "NoSuchEntity", "EntityAlreadyExists"
_POLICY_NAME = "aegis"
_CLUSTER_TAG, _UID_TAG = "aegis-cluster", "aegis-uid"
_SPREADING_SECONDS = 10.0


@frozen
class Wanted:
    """The role that is to be."""

    name: str
    path: str
    owner: Owner
    description: str

    @classmethod
    def of(cls, request: ProvisionRequest) -> "Wanted":
        subject, cluster = request.subject, request.owner.cluster
        digest = hashlib.sha256(f"{cluster}/{subject}".encode()).hexdigest()[:10]
        readable = f"{subject.namespace}-{subject.name}"[:53]
        return cls(f"{readable}-{digest}", f"/aegis/{cluster}/", request.owner, f"Made by Aegis for {subject}.")

    @property
    def tags(self) -> Mapping[str, str]:
        return {_CLUSTER_TAG: self.owner.cluster, _UID_TAG: self.owner.uid}


@frozen
class Roles:
    """The calls of IAM about the role `wanted`, in a session of the role `session_of`."""

    api: Api
    session: Session = field(repr=False)
    session_of: str
    wanted: Wanted

    async def call(self, action: str, **form: str) -> Element:
        with with_way_out(self.session_of):
            return await self.api.call(action, {"RoleName": self.wanted.name, **form}, self.session)

    async def unless_missing(self, action: str, **form: str) -> Element | None:
        """None: there is no such role or policy."""
        try:
            return await self.call(action, **form)
        except Refused as error:
            if error.code == _NO_SUCH:
                return None
            raise

    async def there(self) -> Element | None:
        """The role of our name, if there is one. Raises ForeignObject where it is another's."""
        result = await self.unless_missing("GetRole")
        role = None if result is None else result.find("{*}Role")
        if result is not None and role is None:
            raise Unavailable("AWS iam, GetRole: the answer holds no Role")
        if role is not None and not self.wanted.tags.items() <= _tags(role).items():
            raise ForeignObject(
                f"the role {self.wanted.name} does not bear the tags {_CLUSTER_TAG} and {_UID_TAG} of this Identity "
                f"({self.wanted.owner.uid}): it is another's. Delete it in IAM if nobody needs it"
            )
        return role


async def make_role(settings: AwsSettings, roles: Roles, request: ProvisionRequest, issuer: str) -> Provisioned:
    """Makes the role or mends it; `issuer` is that of the cluster. Raises ProviderError."""
    require_fitting(request)
    trust = trust_policy(settings.home, issuer, str(request.subject), EXCHANGE_AUDIENCE)
    tokens = token_policy(settings, request)
    role = await roles.there()
    if role is None:
        role = await _created(settings, roles, trust)
    else:
        await _mend(settings, roles, role, trust)
    arn = text_of(role, ("Arn",), "AWS iam, the role")
    there = await roles.unless_missing("GetRolePolicy", PolicyName=_POLICY_NAME)
    if there is None or not _is(there.findtext("{*}PolicyDocument"), tokens):
        document = json.dumps(tokens)
        try:
            await roles.call("PutRolePolicy", PolicyName=_POLICY_NAME, PolicyDocument=document)
        except Refused as error:
            if error.code == _NO_SUCH:
                raise _spreading(roles.wanted) from error
            raise
    return Provisioned({PRINCIPAL: arn})


async def remove_role(roles: Roles) -> None:
    """Removes the role and what is on it. Raises ProviderError."""
    if await roles.there() is not None:
        await roles.unless_missing("DeleteRolePolicy", PolicyName=_POLICY_NAME)
        await roles.unless_missing("DeleteRole")


async def _created(settings: AwsSettings, roles: Roles, trust: Policy) -> Element:
    wanted = roles.wanted
    form = {"Path": wanted.path, "Description": wanted.description, "AssumeRolePolicyDocument": json.dumps(trust)}
    if settings.permissions_boundary is not None:
        form["PermissionsBoundary"] = settings.permissions_boundary
    for number, (key, value) in enumerate(wanted.tags.items(), 1):
        form |= {f"Tags.member.{number}.Key": key, f"Tags.member.{number}.Value": value}
    try:
        result = await roles.call("CreateRole", **form)
    except Refused as error:
        if error.code == _EXISTS:
            raise _spreading(wanted) from error
        raise
    role = result.find("{*}Role")
    if role is None:
        raise Unavailable("AWS iam, CreateRole: the answer holds no Role")
    return role


async def _mend(settings: AwsSettings, roles: Roles, role: Element, trust: Policy) -> None:
    if not _is(role.findtext("{*}AssumeRolePolicyDocument"), trust):
        await roles.call("UpdateAssumeRolePolicy", PolicyDocument=json.dumps(trust))
    bound = role.findtext("{*}PermissionsBoundary/{*}PermissionsBoundaryArn")
    if settings.permissions_boundary is not None and bound != settings.permissions_boundary:
        await roles.call("PutRolePermissionsBoundary", PermissionsBoundary=settings.permissions_boundary)


def _spreading(wanted: Wanted) -> Spreading:
    return Spreading(f"the role {wanted.name} is not known everywhere yet", _SPREADING_SECONDS)


def _is(document: str | None, wanted: Policy) -> bool:
    """IAM shows a policy percent-encoded (RFC 3986)."""
    try:
        return document is not None and json.loads(unquote(document)) == wanted
    except (ValueError, RecursionError):
        return False


def _tags(role: Element) -> dict[str, str]:
    return {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in role.iterfind("{*}Tags/{*}member")}
