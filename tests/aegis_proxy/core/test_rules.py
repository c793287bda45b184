import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from aegis_api.metadata import Metadata
from aegis_api.names import Subject
from aegis_api.paths import ENCODED_SLASH, without_parameters
from aegis_api.policy import Enforcement, IdentityPattern, IngressPolicy, PathType, Rule
from aegis_proxy.core.rules import NO_RULES, Grant, RuleIndex, compile_rules


@frozen
class Someone:
    """A verified caller."""

    subject: Subject
    claims: Mapping[str, object] = {}

    @property
    def subject_text(self) -> bytes:
        return str(self.subject).encode()


A = Someone(Subject("shop", "a"))
B = Someone(Subject("shop", "b"))
OTHER = Someone(Subject("bank", "a"))
CALLERS = (A, B, OTHER)
ANYONE = (IdentityPattern(None, None),)


def rule(*paths: bytes, methods: tuple[str, ...] = ("GET",), name: str = "r", **more: Any) -> Rule:
    if not more.get("unauthenticated"):
        more.setdefault("identities", ANYONE)
    return Rule(name, frozenset(methods), paths, **more)


def policy(*rules: Rule, enforcement: Enforcement = Enforcement.ENFORCE, name: str = "p") -> IngressPolicy:
    return IngressPolicy(Metadata(name, "shop"), enforcement, rules)


def index(*rules: Rule, **more: Any) -> RuleIndex:
    return compile_rules([policy(*rules)], missing=False, **more)


def allows(rules: RuleIndex, path: bytes, method: bytes = b"GET", caller: Someone = A) -> bool:
    return rules.for_caller(caller, method, path) is not None


def test_x01_x02_x03_what_no_rule_allows_is_denied() -> None:
    """No rule, no policy, or rules for others: nothing."""
    for rules in (NO_RULES, index(), compile_rules([], missing=False), index(rule(b"/", identities=()))):
        assert not allows(rules, b"/")
        assert rules.for_anyone(b"GET", b"/") is None
    assert not allows(index(rule(b"/", identities=(IdentityPattern("shop", "b"),))), b"/")


@pytest.mark.parametrize(
    "empty",
    [rule(), rule(b"/", methods=()), rule(b"/", identities=()), rule(b"/", claims={"x": frozenset()})],
    ids=["paths", "methods", "identities", "claim-values"],
)
def test_p41_an_empty_list_matches_nothing(empty: Rule) -> None:
    """It is no wildcard."""
    assert not allows(index(empty), b"/")


def test_a_grant_names_its_rule() -> None:
    """For the log and the metrics."""
    assert index(rule(b"/x", name="n")).for_caller(A, b"GET", b"/x") == Grant("p", "n")


@pytest.mark.parametrize("order", [1, -1])
def test_p42_one_rule_that_allows_is_enough(order: int) -> None:
    """Whatever the order of the rules."""
    rules = [rule(b"/x", claims={"a": frozenset({"1"})}, name="claims"), rule(b"/x", name="plain")]
    assert allows(index(*rules[::order]), b"/x")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        pytest.param(b"/public", True, id="P01"),
        pytest.param(b"/public/", True, id="P02"),
        pytest.param(b"/public/x", True, id="P02-below"),
        pytest.param(b"/publicity", False, id="P03-X08"),
        pytest.param(b"/public..", False, id="P21"),
        pytest.param(b"/PUBLIC", False, id="P25"),
        pytest.param(b"/", False, id="root"),
        pytest.param(b"*", False, id="P38"),
        pytest.param(b"/public/x;a=b", True, id="P24"),
        pytest.param(b"/public;a=b", False, id="P23-on-the-prefix"),
        pytest.param(b"/public%3F", False, id="P28"),
    ],
)
def test_a_prefix_compares_whole_segments(path: bytes, allowed: bool) -> None:
    """As in a Kubernetes Ingress, with or without a slash at the end of the rule's path."""
    assert allows(index(rule(b"/public")), path) is allowed
    assert allows(index(rule(b"/public/")), path) is allowed


def test_p23_path_parameters_open_nothing() -> None:
    """A path is allowed in both readings, with its parameters and without, or not at all."""
    assert not allows(index(rule(b"/admin;a=b", path_type=PathType.EXACT)), b"/admin;a=b")
    assert allows(index(rule(b"/")), b"/admin;a=b")


def test_an_exact_path_compares_whole_paths() -> None:
    """No slash more or less."""
    rules = index(rule(b"/x", path_type=PathType.EXACT))
    assert [path for path in (b"/x", b"/x/", b"/x/y", b"/", b"/X") if allows(rules, path)] == [b"/x"]


def test_p43_p17_paths_hold_no_wildcards() -> None:
    """Neither a rule's nor a request's bytes mean anything else than themselves."""
    assert not allows(index(rule(b"/v1.0")), b"/v1x0")
    assert not allows(index(rule(b"/a")), b"/*")
    assert not allows(index(rule(b"/*")), b"/a")


def test_p38_the_server_as_a_whole_must_be_listed() -> None:
    """`/` is not `*`."""
    methods = ("OPTIONS",)
    assert not allows(index(rule(b"/", methods=methods)), b"*", b"OPTIONS")
    assert allows(index(rule(b"*", methods=methods)), b"*", b"OPTIONS")
    assert not allows(index(rule(b"*", methods=methods)), b"/", b"OPTIONS")


def test_m01_m06_methods_are_compared_exactly() -> None:
    """GET implies neither get nor HEAD; `*` stands for all."""
    assert not allows(index(rule(b"/")), b"/", b"get")
    assert not allows(index(rule(b"/")), b"/", b"HEAD")
    assert allows(index(rule(b"/", methods=("*",))), b"/", b"ANY")


def test_an_encoded_slash_is_allowed_only_by_rules_that_opt_in() -> None:
    """Other rules do not see such a path, whatever prefix they allow; the others are judged as ever."""
    rules = index(rule(b"/", name="all"), rule(b"/projects", name="opted", encoded_slash=True))
    assert not rules.forbids(b"/projects/a%2Fb")
    assert rules.for_caller(A, b"GET", b"/projects/group%2Fproject") == Grant("p", "opted")
    assert not allows(rules, b"/other/group%2Fproject")
    assert not allows(rules, b"/projects%2Fgroup")
    assert rules.for_caller(A, b"GET", b"/other") == Grant("p", "all")
    assert allows(rules, b"/projects/x")
    assert index(rule(b"/")).forbids(b"/a%2Fb")
    assert not index(rule(b"/")).forbids(b"/a%20b")


def test_an_encoded_slash_in_a_rule_is_that_very_slash() -> None:
    """Neither decoded in the rule nor in the request."""
    rules = index(rule(b"/a%2Fb", encoded_slash=True, path_type=PathType.EXACT))
    assert [path for path in (b"/a%2Fb", b"/a/b", b"/a%2Fb/", b"/a%2FB") if allows(rules, path)] == [b"/a%2Fb"]


def test_an_encoded_slash_may_need_no_token() -> None:
    """The opt-in is for any kind of rule."""
    rules = index(rule(b"/open", unauthenticated=True, encoded_slash=True))
    assert rules.for_anyone(b"GET", b"/open/a%2Fb") == Grant("p", "r")
    assert index(rule(b"/open", unauthenticated=True)).for_anyone(b"GET", b"/open/a%2Fb") is None


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        (IdentityPattern("shop", "a"), (A,)),
        (IdentityPattern("shop", None), (A, B)),
        (IdentityPattern(None, None), CALLERS),
        (IdentityPattern("bank", "a"), (OTHER,)),
        (IdentityPattern("system", None), ()),
    ],
)
@pytest.mark.attack("J45")
def test_x26_identities_are_enforced(pattern: IdentityPattern, allowed: tuple[Someone, ...]) -> None:
    """By subject, by namespace, or any; never by a part of a name."""
    rules = index(rule(b"/", identities=(pattern,)))
    assert tuple(caller for caller in CALLERS if allows(rules, b"/", caller=caller)) == allowed
    assert rules.for_anyone(b"GET", b"/") is None


def test_x25_what_needs_no_token_is_allowed_to_all() -> None:
    """A health path, to callers with a token and without."""
    rules = index(rule(b"/healthz", unauthenticated=True, path_type=PathType.EXACT))
    assert rules.for_anyone(b"GET", b"/healthz") == Grant("p", "r")
    assert rules.for_caller(A, b"GET", b"/healthz") == Grant("p", "r")
    assert rules.for_anyone(b"GET", b"/") is None
    assert rules.for_anyone(b"POST", b"/healthz") is None


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        ({}, False),
        ({"scope": "orders:read"}, True),
        ({"scope": "other orders:read"}, True),
        ({"scope": "orders:reader"}, False),
        ({"scope": "orders:read\tx"}, False),
        ({"scope": ["x", "orders:read"]}, True),
        ({"scope": ["x orders:read"]}, False),
        ({"scope": [5, None]}, False),
        ({"scope": 5}, False),
        ({"scope": True}, False),
        ({"scope": {"orders:read": 1}}, False),
        ({"scope": None}, False),
        ({"Scope": "orders:read"}, False),
    ],
)
def test_a_claim_holds_one_of_the_values(held: dict[str, object], allowed: bool) -> None:
    """As a string, in a list, or as a word of a scope; whatever else comes holds nothing."""
    rules = index(rule(b"/", claims={"scope": frozenset({"orders:read", "all"})}))
    assert allows(rules, b"/", caller=Someone(A.subject, held)) is allowed


def test_words_are_those_of_scopes_alone() -> None:
    """Another claim's string is one value, spaces and all."""
    rules = index(rule(b"/", claims={"team": frozenset({"a"})}))
    assert not allows(rules, b"/", caller=Someone(A.subject, {"team": "a b"}))
    assert allows(rules, b"/", caller=Someone(A.subject, {"team": "a"}))


def test_a_rule_whose_claims_do_not_hold_hides_no_other() -> None:
    """Neither one for the same path nor one for a shorter one."""
    needs = {"a": frozenset({"1"})}
    exact = rule(b"/a/b", claims=needs, path_type=PathType.EXACT, name="exact")
    prefix = rule(b"/a/b", claims=needs, name="prefix")
    assert not allows(index(exact), b"/a/b")
    assert not allows(index(exact, prefix), b"/a/b")
    assert index(exact, prefix, rule(b"/a", name="a")).for_caller(A, b"GET", b"/a/b") == Grant("p", "a")
    holder = Someone(A.subject, {"a": "1"})
    assert index(exact, prefix).for_caller(holder, b"GET", b"/a/b") == Grant("p", "exact")
    assert index(exact, prefix).for_caller(holder, b"GET", b"/a/b/c") == Grant("p", "prefix")


def test_all_claims_must_hold() -> None:
    """One is not enough."""
    rules = index(rule(b"/", claims={"a": frozenset({"1"}), "b": frozenset({"2"})}))
    assert not allows(rules, b"/", caller=Someone(A.subject, {"a": "1"}))
    assert allows(rules, b"/", caller=Someone(A.subject, {"a": "1", "b": "2"}))


@pytest.mark.parametrize(
    ("enforcements", "missing", "dry_run"),
    [
        ((), False, False),
        ((), True, False),
        ((Enforcement.DRY_RUN,), False, True),
        ((Enforcement.DRY_RUN,), True, False),
        ((Enforcement.ENFORCE,), False, False),
        ((Enforcement.DRY_RUN, Enforcement.ENFORCE), False, False),
        ((Enforcement.ENFORCE, Enforcement.DRY_RUN), False, False),
        ((Enforcement.DRY_RUN, Enforcement.DRY_RUN), False, True),
    ],
)
def test_dry_run_only_where_nothing_is_enforced(
    enforcements: tuple[Enforcement, ...], missing: bool, dry_run: bool
) -> None:
    """A policy that is missing might have said Enforce."""
    policies = [policy(enforcement=each, name=f"p{at}") for at, each in enumerate(enforcements)]
    assert compile_rules(policies, missing=missing).dry_run is dry_run


def test_rules_of_all_policies_count() -> None:
    """The size is their number."""
    rules = compile_rules([policy(rule(b"/a")), policy(rule(b"/b"), rule(b"/c"), name="q")], missing=False)
    assert rules.size == 3
    assert rules.for_caller(A, b"GET", b"/c") == Grant("q", "r")


NAMES = st.sampled_from(["a", "b"])
PATTERNS = st.sampled_from(
    [IdentityPattern(*each) for each in itertools.product(["shop", "bank"], ["a", "b", None])]
    + [IdentityPattern(None, None)]
)
METHODS = st.frozensets(st.sampled_from(["GET", "POST", "*"]), max_size=2)
RULE_PATHS = st.lists(
    st.sampled_from([b"/", b"/a", b"/a/", b"/a/b", b"/ab", b"*", b"/a.b", b"/a%2Fb"]), max_size=2
).map(tuple)
PATHS = st.sampled_from(
    [
        b"/",
        b"/a",
        b"/a/",
        b"/a/b",
        b"/a/b/",
        b"/a/b/c",
        b"/ab",
        b"/abc",
        b"/A",
        b"*",
        b"/a;x",
        b"/a/b;x/c",
        b"/a.b",
        b"/a/;",
        b"/a%2Fb",
        b"/a/b%2Fc",
        b"/ab%2F",
    ]
)
CLAIMS = st.dictionaries(
    st.sampled_from(["scope", "team"]), st.frozensets(st.sampled_from(["x", "y"]), max_size=2), max_size=2
)
HELD = st.dictionaries(
    st.sampled_from(["scope", "team"]),
    st.sampled_from(["x", "y", "x y", ["x"], ["y", 5], 5, None, ""]),
    max_size=2,
)


@st.composite
def rules_of(draw: st.DrawFn) -> Rule:
    unauthenticated = draw(st.integers(0, 4)) == 0
    return Rule(
        name=draw(st.sampled_from(["r1", "r2", "r3"])),
        methods=draw(METHODS),
        paths=draw(RULE_PATHS),
        path_type=draw(st.sampled_from(PathType)),
        identities=() if unauthenticated else draw(st.lists(PATTERNS, max_size=2).map(tuple)),
        claims={} if unauthenticated else draw(CLAIMS),
        unauthenticated=unauthenticated,
        encoded_slash=draw(st.booleans()),
    )


def _segments(path: bytes) -> list[bytes]:
    return path.rstrip(b"/").split(b"/") if path != b"*" else [b"*"]


def _path_matches(rule: Rule, path: bytes) -> bool:
    for wanted in rule.paths:
        if rule.path_type is PathType.EXACT or b"*" in (path, wanted):
            if wanted == path:
                return True
        elif _segments(path)[: len(_segments(wanted))] == _segments(wanted):
            return True
    return False


def _claims_match(rule: Rule, caller: Someone | None) -> bool:
    for name, wanted in rule.claims.items():
        value = caller.claims.get(name) if caller else None
        values: list[object] = list(value) if isinstance(value, list) else [value]
        if isinstance(value, str) and name == "scope":
            values += value.split(" ")
        if not any(isinstance(each, str) and each in wanted for each in values):
            return False
    return True


def _matches(rule: Rule, caller: Someone | None, method: str, path: bytes) -> bool:
    """What a reader of the design would say of one rule and one reading of a path."""
    if ENCODED_SLASH in path and not rule.encoded_slash:
        return False
    known = caller is not None and any(pattern.matches(caller.subject) for pattern in rule.identities)
    who = rule.unauthenticated or (known and _claims_match(rule, caller))
    return who and bool({method, "*"} & rule.methods) and _path_matches(rule, path)


def _naive(rules: list[Rule], caller: Someone | None, method: str, path: bytes) -> bool:
    """Both readings of a path with parameters must be allowed, by rules for the same kind of caller and method."""
    return any(_matches(rule, caller, method, path) for rule in rules)


@given(st.lists(rules_of(), max_size=5), st.sampled_from(["GET", "POST", "PUT"]), PATHS, st.sampled_from(CALLERS), HELD)
def test_the_index_says_what_the_rules_say(
    rules: list[Rule], method: str, path: bytes, who: Someone, held: dict[str, object]
) -> None:
    """A naive evaluator agrees for every caller; a path with parameters passes only if its plain reading would."""
    compiled = compile_rules([policy(*rules)], missing=False)
    caller = Someone(who.subject, held)
    for someone, grant in (
        (caller, compiled.for_caller(caller, method.encode(), path)),
        (None, compiled.for_anyone(method.encode(), path)),
    ):
        allowed = _naive(rules, someone, method, path)
        if b";" in path:
            plain = _naive(rules, someone, method, without_parameters(path))
            assert grant is None or (allowed and plain)
            if any(_both(rule, someone, method, path) for rule in rules):
                assert grant is not None
        else:
            assert (grant is not None) is allowed
        if grant is not None and ENCODED_SLASH in path and not any(ENCODED_SLASH in each for each in _paths(rules)):
            assert _naive(rules, someone, method, path.replace(ENCODED_SLASH, b"/"))
        if grant is not None:
            assert any(rule.name == grant.rule and _matches(rule, someone, method, path) for rule in rules)


def _paths(rules: list[Rule]) -> list[bytes]:
    return [path for rule in rules for path in rule.paths]


def _both(rule: Rule, caller: Someone | None, method: str, path: bytes) -> bool:
    return _matches(rule, caller, method, path) and _matches(rule, caller, method, without_parameters(path))
