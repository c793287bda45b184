"""Ingress policies."""

from typing import Any

import pytest

from aegis_api.names import Subject
from aegis_api.policy import ASTERISK, Enforcement, IdentityPattern, IngressPolicy, PathType, read_ingress_policy
from aegis_api.reading import Node, ParseError


def read(*rules: dict[str, Any], **spec: Any) -> IngressPolicy:
    metadata = {"name": "orders", "namespace": "shop"}
    return read_ingress_policy(Node({"metadata": metadata, "spec": {"rules": list(rules), **spec}}))


def rule(**fields: Any) -> dict[str, Any]:
    return {"methods": ["GET"], "paths": ["/"], "identities": ["*"], **fields}


def test_a_policy_without_rules_denies() -> None:
    """An empty spec is a policy: Enforce, and nothing allowed."""
    policy = read_ingress_policy(Node({"metadata": {"name": "a", "namespace": "b"}, "spec": {}}))
    assert (policy.enforcement, policy.rules) == (Enforcement.ENFORCE, ())


def test_defaults_of_a_rule() -> None:
    """Prefix is the default, a rule without name is called by its place."""
    first, second = read(rule(), rule(name="two", pathType="Exact"), enforcement="DryRun").rules
    assert (first.name, first.path_type, first.unauthenticated, first.claims) == (
        "rules[0]",
        PathType.PREFIX,
        False,
        {},
    )
    assert (second.name, second.path_type) == ("two", PathType.EXACT)


def test_claims_and_open_rules() -> None:
    """Claims are sets of values; an open rule has no callers."""
    closed, opened = read(
        rule(claims={"scope": ["a", "b", "a"]}), {"methods": [], "paths": ["*"], "unauthenticated": True}
    ).rules
    assert closed.claims == {"scope": frozenset({"a", "b"})}
    assert (opened.unauthenticated, opened.identities, opened.paths) == (True, (), (ASTERISK,))


def test_an_encoded_slash_needs_its_opt_in() -> None:
    """It stays encoded in the paths of a rule that has it."""
    plain, opted_in = read(rule(), rule(paths=["/a%2Fb", "/c"], allowEncodedSlash=True)).rules
    assert (plain.encoded_slash, opted_in.encoded_slash, opted_in.paths) == (False, True, (b"/a%2Fb", b"/c"))
    assert not read(rule(allowEncodedSlash=False)).rules[0].encoded_slash


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*", IdentityPattern(None, None)),
        ("orders", IdentityPattern("shop", "orders")),
        ("other/orders", IdentityPattern("other", "orders")),
        ("other/*", IdentityPattern("other", None)),
        ("system:serviceaccount:other:a.b", IdentityPattern("other", "a.b")),
    ],
)
def test_identities(text: str, pattern: IdentityPattern) -> None:
    """A caller is named by one, two or all parts of its subject."""
    assert read(rule(identities=[text])).rules[0].identities == (pattern,)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (IdentityPattern(None, None), True),
        (IdentityPattern("shop", None), True),
        (IdentityPattern("shop", "orders"), True),
        (IdentityPattern("other", None), False),
        (IdentityPattern("shop", "order"), False),
    ],
)
def test_identity_patterns(pattern: IdentityPattern, matches: bool) -> None:
    """Namespace and name must both match."""
    assert pattern.matches(Subject("shop", "orders")) == matches


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param(fields, text, id=text)
        for fields, text in [
            ({"methods": ["get"]}, 'spec.rules[0].methods[0]: got "get", wanted a method in upper case'),
            ({"methods": None}, "spec.rules[0]: got no methods"),
            ({"paths": ["a"]}, 'spec.rules[0].paths[0]: got "a", wanted a path that starts with'),
            ({"paths": ["/é"]}, "wanted a path that starts with"),
            ({"paths": ["/a/../b;x"]}, "the canonical form of the path, without parameters: /b"),
            ({"paths": ["/%61"]}, "the canonical form of the path, without parameters: /a"),
            ({"paths": ["/a%2Fb"]}, "wanted a path without '%2F', or allowEncodedSlash: true in its rule"),
            (
                {"paths": ["/a%2fb"], "allowEncodedSlash": True},
                "the canonical form of the path, without parameters: /a%2Fb",
            ),
            ({"paths": ["/a%2F..%2Fb"], "allowEncodedSlash": True}, "or dots beside '%2F'"),
            ({"paths": ["/a%5Cb"], "allowEncodedSlash": True}, "wanted a path that starts with"),
            ({"allowEncodedSlash": "yes"}, 'spec.rules[0].allowEncodedSlash: got "yes", wanted true or false'),
            ({"pathType": "Regex"}, 'spec.rules[0].pathType: got "Regex", wanted Prefix or Exact'),
            ({"identities": ["a:b"]}, 'spec.rules[0].identities[0]: got "a:b", wanted NAME, NAMESPACE/NAME'),
            ({"identities": ["*/a"]}, 'spec.rules[0].identities[0]: got "*/a", wanted NAME'),
            ({"identities": ["-"]}, 'spec.rules[0].identities[0]: got "-", wanted NAME'),
            ({"identities": None}, "spec.rules[0]: got an object, wanted identities, or unauthenticated: true"),
            ({"unauthenticated": True}, "wanted no identities and no claims in a rule that is unauthenticated"),
            ({"name": "a b"}, 'spec.rules[0].name: got "a b"'),
            ({"claims": {"": ["x"]}}, 'spec.rules[0].claims: got "", wanted a claim\'s name of 1 to 256 characters'),
            ({"claims": {str(n): [] for n in range(65)}}, "spec.rules[0].claims: got 65 claims, wanted at most 64"),
            ({"claims": {"a": "x"}}, 'spec.rules[0].claims.a: got "x", wanted a list'),
            ({"action": "deny"}, "spec.rules[0]: got the unknown field action"),
        ]
    ],
)
def test_refusals(fields: dict[str, Any], text: str) -> None:
    """A rule that would not do what its author means is refused with the path and what was wanted."""
    with pytest.raises(ParseError) as error:
        read(rule(**fields))
    assert text in str(error.value)


def test_rule_names_are_unique() -> None:
    """The decision log names rules, so a name stands for one of them."""
    with pytest.raises(ParseError, match=r'spec.rules\[1\].name: got "a", wanted a name that no other rule'):
        read(rule(name="a"), rule(name="a"))


def test_rules_are_bounded() -> None:
    """More rules than the schema allows are refused by the parser as well."""
    with pytest.raises(ParseError, match=r"spec.rules: got 257 items, wanted at most 256"):
        read(*[rule()] * 257)
