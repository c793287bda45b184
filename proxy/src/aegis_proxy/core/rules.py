"""Policy as the request path reads it: an index over the rules, so that ten thousand of them cost what ten cost.

The index leads from who (a subject, a namespace, anyone with a good token, anyone at all) over how (the method) to
what (the path). What it does not find is denied.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from aegis_api.names import Subject
from aegis_api.paths import ENCODED_SLASH, without_parameters
from aegis_api.policy import ANY_METHOD, Enforcement, IdentityPattern, IngressPolicy, PathType, Rule

# Keys of the index that are no subject.
_ANY_IDENTITY = "*"
_NO_IDENTITY = ""
_ANY_METHOD = ANY_METHOD.encode()

# A byte is found in a path several times faster by its number than as a string of one.
_PERCENT, _SEMICOLON = b"%;"

# Claims whose value is a list of words in one string (RFC 8693 section 4.2, and Entra's spelling of it).
_WORD_LISTS = frozenset({"scope", "scp"})


@frozen
class Grant:
    """A rule that matched, as logs and metrics name it."""

    policy: str
    rule: str


class Caller(Protocol):
    """Whom a request comes from, beyond doubt (see `tokens.Verified`). `subject_text` is the subject as bytes."""

    @property
    def subject(self) -> Subject: ...

    @property
    def subject_text(self) -> bytes: ...

    @property
    def claims(self) -> Mapping[str, object]: ...


@frozen
class _Entry:
    grant: Grant
    claims: Mapping[str, frozenset[str]]

    def admits(self, caller: Caller | None) -> bool:
        if not self.claims:
            return True
        held = caller.claims if caller is not None else {}
        return all(_holds(held.get(name), name, values) for name, values in self.claims.items())


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

    def find(self, path: bytes, caller: Caller | None) -> Grant | None:
        entries = self.exact.get(path)
        if entries is not None:
            for entry in entries:
                if entry.admits(caller):
                    return entry.grant
        if not self.prefix:
            return None
        prefix = path
        while True:
            entries = self.prefix.get(prefix)
            if entries is not None:
                for entry in entries:
                    if entry.admits(caller):
                        return entry.grant
            cut = prefix.rfind(b"/")
            if cut < 0:
                return None
            prefix = prefix[:cut]


# Who: a subject as bytes, a namespace, anyone with a good token, or anyone at all.
_Who = str | bytes
_Callers = Mapping[_Who, Mapping[bytes, _Paths]]


@frozen(eq=False)
class RuleIndex:
    """`dry_run`: every policy of the pod is DryRun, so what would be denied is recorded and let through.

    Some rules allow paths with `%2F`: only such rules are looked up for them.
    """

    size: int
    dry_run: bool
    _callers: _Callers = field(repr=False)
    _encoded: _Callers = field(repr=False)

    def forbids(self, path: bytes) -> bool:
        """Whether no rule can allow a path, for it has an encoded slash."""
        return not self._encoded and self._callers_of(path) is self._encoded

    def _callers_of(self, path: bytes) -> _Callers:
        return self._encoded if _PERCENT in path and ENCODED_SLASH in path else self._callers

    def for_anyone(self, method: bytes, path: bytes) -> Grant | None:
        """The rule that allows this request without a token."""
        callers = self._callers_of(path)
        methods = callers.get(_NO_IDENTITY)
        return None if methods is None else _find(methods, None, method, path)

    def for_caller(self, caller: Caller, method: bytes, path: bytes) -> Grant | None:
        """The rule that allows this request to a verified caller."""
        callers = self._callers_of(path)
        for key in (caller.subject_text, caller.subject.namespace, _ANY_IDENTITY):
            methods = callers.get(key)
            if methods is not None and (grant := _find(methods, caller, method, path)):
                return grant
        return self.for_anyone(method, path)


def _find(methods: Mapping[bytes, _Paths], caller: Caller | None, method: bytes, path: bytes) -> Grant | None:
    """Looks the path up. Servers that cut path parameters off read another path: both readings must be allowed."""
    for candidate in (method, _ANY_METHOD):
        paths = methods.get(candidate)
        if paths is None:
            continue
        grant = paths.find(path, caller)
        if grant is not None and (_SEMICOLON not in path or paths.find(without_parameters(path), caller)):
            return grant
    return None


def compile_rules(policies: Iterable[IngressPolicy], *, missing: bool) -> RuleIndex:
    """Builds the index over all rules of a pod's policies.

    `missing`: one of the pod's policies is not there, or cannot be read. It contributes no rule, and it might have
    said Enforce, so nothing is let through for DryRun's sake.
    """
    callers: dict[_Who, dict[bytes, _Paths]] = {}
    encoded: dict[_Who, dict[bytes, _Paths]] = {}
    size, enforced, known = 0, missing, False
    for policy in policies:
        known = True
        enforced = enforced or policy.enforcement is Enforcement.ENFORCE
        for rule in policy.rules:
            size += 1
            entry = _Entry(Grant(policy.metadata.name, rule.name), rule.claims)
            _add(callers, rule, entry)
            if rule.encoded_slash:
                _add(encoded, rule, entry)
    return RuleIndex(size, known and not enforced, callers, encoded)


def _add(callers: dict[_Who, dict[bytes, _Paths]], rule: Rule, entry: _Entry) -> None:
    keys: list[_Who] = [_NO_IDENTITY] if rule.unauthenticated else [_key(pattern) for pattern in rule.identities]
    for key in keys:
        methods = callers.setdefault(key, {})
        for method in rule.methods:
            paths = methods.setdefault(method.encode(), _Paths())
            for path in rule.paths:
                if rule.path_type is PathType.EXACT:
                    paths.exact.setdefault(path, []).append(entry)
                else:
                    paths.prefix.setdefault(path.removesuffix(b"/"), []).append(entry)


def _key(pattern: IdentityPattern) -> _Who:
    if pattern.namespace is None:
        return _ANY_IDENTITY
    return pattern.namespace if pattern.name is None else str(Subject(pattern.namespace, pattern.name)).encode()


NO_RULES = compile_rules((), missing=True)
