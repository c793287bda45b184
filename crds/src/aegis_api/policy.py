"""IngressPolicy: who may call a pod, and how. What no rule allows is denied."""

import re
from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from aegis_api.metadata import Metadata, read_metadata
from aegis_api.names import Subject, is_label, is_subdomain
from aegis_api.paths import ENCODED_SLASH, AmbiguousPath, canonical_path, without_parameters
from aegis_api.reading import Node, ParseError, shown

ANY_METHOD = "*"
# `OPTIONS *` (RFC 9110 section 9.3.7): the one target that is no path.
ASTERISK = b"*"

_METHOD = re.compile(r"[A-Z][A-Z0-9_-]{0,63}|\*")
_RULE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")

# What one policy may hold, in the CRD's schema too: without bounds the API server cannot price the schema's CEL rules.
MAX_RULES = 256
MAX_CLAIMS = 64
MAX_CLAIM_NAME = 256


class Enforcement(Enum):
    ENFORCE = "Enforce"
    DRY_RUN = "DryRun"


class PathType(Enum):
    """As in a Kubernetes Ingress: Prefix compares whole segments, Exact compares the whole path."""

    PREFIX = "Prefix"
    EXACT = "Exact"


@frozen
class IdentityPattern:
    """Which callers a rule means. None stands for any namespace, or any name within the namespace."""

    namespace: str | None
    name: str | None

    def matches(self, subject: Subject) -> bool:
        return self.namespace in (None, subject.namespace) and self.name in (None, subject.name)


@frozen
class Rule:
    """Allows a request when identity, method, path and claims all match. An empty list matches nothing.

    `claims` maps a claim's name to the values of which it must hold one. A rule that is `unauthenticated` needs no
    token and has neither identities nor claims. A rule without a name is called by its place, like `rules[0]`. Only a
    rule with `encoded_slash` matches a path with `%2F`, which stays encoded in the rule's paths, too.
    """

    name: str
    methods: frozenset[str]
    paths: tuple[bytes, ...]
    path_type: PathType = PathType.PREFIX
    identities: tuple[IdentityPattern, ...] = ()
    claims: Mapping[str, frozenset[str]] = field(factory=dict, hash=False)
    unauthenticated: bool = False
    encoded_slash: bool = False


@frozen
class IngressPolicy:
    metadata: Metadata
    enforcement: Enforcement
    rules: tuple[Rule, ...]


_ENFORCEMENTS = {value.value: value for value in Enforcement}
_PATH_TYPES = {value.value: value for value in PathType}


def read_ingress_policy(node: Node, default_namespace: str = "") -> IngressPolicy:
    fields = node.fields()
    fields.ignore("apiVersion", "kind", "status")
    metadata = read_metadata(fields.required("metadata"), True, default_namespace)
    spec = fields.required("spec").fields()
    fields.done()
    enforcement, rules_node = spec.optional("enforcement"), spec.optional("rules")
    spec.done()
    rules = (
        tuple(_rule(item, index, metadata.namespace) for index, item in enumerate(rules_node.items(MAX_RULES)))
        if rules_node
        else ()
    )
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name in seen:
            raise ParseError(
                f"spec.rules[{index}].name", shown(rule.name), "a name that no other rule of this policy has"
            )
        seen.add(rule.name)
    return IngressPolicy(metadata, enforcement.one_of(_ENFORCEMENTS) if enforcement else Enforcement.ENFORCE, rules)


def _rule(node: Node, index: int, namespace: str) -> Rule:
    fields = node.fields()
    name, path_type = fields.optional("name"), fields.optional("pathType")
    open_to_all, identities, claims = (fields.optional(key) for key in ("unauthenticated", "identities", "claims"))
    methods, paths = fields.required("methods"), fields.required("paths")
    opted_in = fields.optional("allowEncodedSlash")
    fields.done()
    encoded_slash = opted_in.boolean() if opted_in else False
    unauthenticated = open_to_all.boolean() if open_to_all else False
    if unauthenticated and (identities or claims):
        raise node.refuse("no identities and no claims in a rule that is unauthenticated")
    if not unauthenticated and identities is None:
        raise node.refuse("identities, or unauthenticated: true")
    kind = path_type.one_of(_PATH_TYPES) if path_type else PathType.PREFIX
    return Rule(
        name=name.matching(_RULE_NAME, "a name of letters, digits, '-', '_' and '.'") if name else f"rules[{index}]",
        methods=frozenset(methods.list_of(_method)),
        paths=paths.list_of(lambda item: _path(item, encoded_slash)),
        path_type=kind,
        identities=identities.list_of(lambda item: _identity(item, namespace)) if identities else (),
        claims=_claims(claims) if claims else {},
        unauthenticated=unauthenticated,
        encoded_slash=encoded_slash,
    )


def _method(node: Node) -> str:
    return node.matching(_METHOD, "a method in upper case (methods are case-sensitive, RFC 9110 section 9.1), or *")


def _path(node: Node, encoded_slash: bool) -> bytes:
    """A path in its canonical form: another form would never match, so it is a mistake of the author."""
    text = node.string()
    if text == "*":
        return ASTERISK
    try:
        path = text.encode("ascii")
        canonical = canonical_path(path, encoded_slash=True)
    except (UnicodeEncodeError, AmbiguousPath):
        raise node.refuse(
            "a path that starts with '/', in ASCII, without '//', '\\', '#', '?', or dots beside '%2F'"
        ) from None
    if ENCODED_SLASH in canonical and not encoded_slash:
        raise node.refuse("a path without '%2F', or allowEncodedSlash: true in its rule")
    if b";" in path or canonical != path:
        plain = without_parameters(canonical).decode()
        raise node.refuse(f"the canonical form of the path, without parameters: {plain}")
    return path


def _claims(node: Node) -> dict[str, frozenset[str]]:
    claims = {name: frozenset(values.list_of(Node.string)) for name, values in node.entries()}
    if len(claims) > MAX_CLAIMS:
        raise ParseError(node.path, f"{len(claims)} claims", f"at most {MAX_CLAIMS}")
    for name in claims:
        if not 1 <= len(name) <= MAX_CLAIM_NAME:
            raise ParseError(node.path, shown(name), f"a claim's name of 1 to {MAX_CLAIM_NAME} characters")
    return claims


def _identity(node: Node, namespace: str) -> IdentityPattern:
    """`*`, `NAMESPACE/*`, `NAMESPACE/NAME`, `NAME` (of the policy's own namespace) or a whole subject."""
    wanted = "NAME, NAMESPACE/NAME, NAMESPACE/*, * or system:serviceaccount:NAMESPACE:NAME"
    text = node.string()
    if text == "*":
        return IdentityPattern(None, None)
    if ":" in text:
        try:
            subject = Subject.parse(text)
        except ParseError:
            raise node.refuse(wanted) from None
        return IdentityPattern(subject.namespace, subject.name)
    space, slash, name = text.rpartition("/")
    space = space if slash else namespace
    if not is_label(space) or not (is_subdomain(name) or (name == "*" and slash)):
        raise node.refuse(wanted)
    return IdentityPattern(space, None if name == "*" else name)
