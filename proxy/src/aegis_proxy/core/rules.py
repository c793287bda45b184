"""Policy as the request path reads it: an index over the rules, so that ten thousand of them cost what ten cost.

The index leads from who (a subject, a namespace, anyone with a good token, anyone at all) over how (the method) to
what (the path). What it does not find is denied.
"""

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_api.paths import without_parameters
from aegis_api.policy import ANY_METHOD, Enforcement, IdentityPattern, IngressPolicy, PathType, Rule

# Keys of the index that are no subject.
_ANY_IDENTITY = "*"
_NO_IDENTITY = ""
_ANY_METHOD = ANY_METHOD.encode()

# Claims whose value is a list of words in one string (RFC 8693 section 4.2, and Entra's spelling of it).
_WORD_LISTS = frozenset({"scope", "scp"})


@frozen
class Grant:
    """A rule that matched, as logs and metrics name it."""

    policy: str
    rule: str


@frozen
class _Entry:
    grant: Grant
    claims: Mapping[str, frozenset[str]]

    def admits(self, claims: Mapping[str, object]) -> bool:
        return all(_holds(claims.get(name), name, values) for name, values in self.claims.items())


def _holds(value: object, name: str, wanted: frozenset[str]) -> bool:
    """Whether a claim holds one of the wanted values, exactly: as a string, in a list, or as a word of a scope."""
    if isinstance(value, str):
        return value in wanted or (name in _WORD_LISTS and not wanted.isdisjoint(value.split(" ")))
    if isinstance(value, Sequence):
        return any(isinstance(item, str) and item in wanted for item in value)
    return False


@frozen
class _Paths:
    """The entries for one kind of caller and one method."""

    exact: dict[bytes, list[_Entry]] = field(factory=dict)
    prefix: dict[bytes, list[_Entry]] = field(factory=dict)

    def find(self, path: bytes, claims: Mapping[str, object]) -> Grant | None:
        for entry in self.exact.get(path, ()):
            if entry.admits(claims):
                return entry.grant
        if not self.prefix:
            return None
        prefix = path
        while True:
            for entry in self.prefix.get(prefix, ()):
                if entry.admits(claims):
                    return entry.grant
            cut = prefix.rfind(b"/")
            if cut < 0:
                return None
            prefix = prefix[:cut]


@frozen(eq=False)
class RuleIndex:
    """`dry_run`: every policy of the pod is DryRun, so what would be denied is recorded and let through."""

    size: int
    dry_run: bool
    _callers: Mapping[str, Mapping[bytes, _Paths]] = field(repr=False)

    def for_anyone(self, method: bytes, path: bytes) -> Grant | None:
        """The rule that allows this request without a token."""
        return self._find(_NO_IDENTITY, method, path, {}) if _NO_IDENTITY in self._callers else None

    def for_caller(self, subject: Subject, claims: Mapping[str, object], method: bytes, path: bytes) -> Grant | None:
        """The rule that allows this request to a verified caller."""
        for key in (str(subject), subject.namespace, _ANY_IDENTITY):
            if key in self._callers and (grant := self._find(key, method, path, claims)):
                return grant
        return self.for_anyone(method, path)

    def _find(self, key: str, method: bytes, path: bytes, claims: Mapping[str, object]) -> Grant | None:
        """Looks the path up. Servers that cut path parameters off read another path: both readings must be allowed."""
        for candidate in (method, _ANY_METHOD):
            paths = self._callers[key].get(candidate)
            grant = paths.find(path, claims) if paths else None
            if grant and (b";" not in path or (paths and paths.find(without_parameters(path), claims))):
                return grant
        return None


def compile_rules(policies: Iterable[IngressPolicy], *, missing: bool) -> RuleIndex:
    """Builds the index over all rules of a pod's policies.

    `missing`: one of the pod's policies is not there, or cannot be read. It contributes no rule, and it might have
    said Enforce, so nothing is let through for DryRun's sake.
    """
    callers: dict[str, dict[bytes, _Paths]] = {}
    size, enforced, known = 0, missing, False
    for policy in policies:
        known = True
        enforced = enforced or policy.enforcement is Enforcement.ENFORCE
        for rule in policy.rules:
            size += 1
            entry = _Entry(Grant(policy.metadata.name, rule.name), rule.claims)
            _add(callers, rule, entry)
    return RuleIndex(size, known and not enforced, callers)


def _add(callers: dict[str, dict[bytes, _Paths]], rule: Rule, entry: _Entry) -> None:
    for key in [_NO_IDENTITY] if rule.unauthenticated else map(_key, rule.identities):
        methods = callers.setdefault(key, {})
        for method in rule.methods:
            paths = methods.setdefault(method.encode(), _Paths())
            for path in rule.paths:
                if rule.path_type is PathType.EXACT:
                    paths.exact.setdefault(path, []).append(entry)
                else:
                    paths.prefix.setdefault(path.removesuffix(b"/"), []).append(entry)


def _key(pattern: IdentityPattern) -> str:
    if pattern.namespace is None:
        return _ANY_IDENTITY
    return pattern.namespace if pattern.name is None else str(Subject(pattern.namespace, pattern.name))


NO_RULES = compile_rules((), missing=True)
