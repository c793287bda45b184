"""Strategies for objects of the mesh: mostly good, some nearly good, some nonsense."""

from typing import Any

from hypothesis import strategies as st

from aegis_api.resources import API_VERSION

Documents = st.SearchStrategy[Any]

# Of a hundred; none of the ends, which Hypothesis likes to draw.
_RAREST = 41
_RARE = range(_RAREST, _RAREST + 6)

JUNK: Documents = st.sampled_from([None, True, 0, 1.5, "", "x\n", [], [None], {}, {"a": None}, "é", "A"])

_LONG_NAME = ".".join(["a" * 63] * 3) + "." + "b" * 61


def _mostly(good: list[str], bad: list[str], *noise: Documents) -> Documents:
    """One of `good`; at times something else, which may turn out good as well."""
    other = st.one_of(st.sampled_from(bad), *noise)
    return st.integers(0, 99).flatmap(lambda dice: other if dice in _RARE else st.sampled_from(good))


_NAMES = _mostly(
    ["a", "vault-local", "a.b", _LONG_NAME],
    [_LONG_NAME + "b", "-a", "a-", "a..b", "A", "a_b", "", "a\n", "a/b"],
    st.text("ab.-", max_size=6),
)
_HOSTS = _mostly(
    ["*.svc", "a.example.com", "*.svc.cluster.local", "_a.b", _LONG_NAME, "*." + _LONG_NAME],
    ["*", "*.", "a.*", "A.b", "a.", "a" * 64, "*." + _LONG_NAME + "b", _LONG_NAME + "b", "a:80"],
    st.text("*a.-_", max_size=6),
)
_IDENTITIES = _mostly(
    ["*", "shop/*", "shop/a", "a", "system:serviceaccount:shop:a.b", f"{'n' * 63}/{_LONG_NAME}"],
    ["", "*/a", "/a", "a/", "a/b/c", "a.b/c", "system:serviceaccount:a", f"{'n' * 64}/a", "*a", "a:b", "a/*\n"],
    st.sampled_from([_LONG_NAME + "b", f"n/{_LONG_NAME}b", f"system:serviceaccount:n:{_LONG_NAME}b"]),
    st.text("a/*.:-", max_size=6),
)
_METHODS = _mostly(["GET", "POST", "*", "M-SEARCH", "A" * 64], ["get", "", "A" * 65, "GET\n", "**", "1GET"])
_PATHS = _mostly(
    ["/", "*", "/a/", "/v1.0", "/a%2Cb", "/caf%C3%A9", "/%F0%9F%98%80", "/{id}", "/...", "/a%25"],
    ["", "a", "//", "/a//b", "/.", "/a/..", "/%2f", "/%41", "/%c3%a9", "/%C3", "/%ED%A0%80", "/a;b", "/%", "/a\\b"],
    st.sampled_from(["/a%2Fb", "/a%2F", "/a%2F..", "/%2F", "/a%2Fb;c", "/a%2F/b", "/a/.%2Fb", "/a%2fb"]),
    st.sampled_from(["/%2541", "/%25%34", "/a?b", "/a#b", "/é", "/a\n", "/%F4%90%80%80", "/%E0%80%80"]),
    st.lists(st.sampled_from(["/", "a", ".", "..", "%2F", ";", "%C3%A9", "%5C"]), max_size=6).map("/".join),
    st.lists(st.sampled_from(["/", "a", ".", "..", "%2F"]), max_size=7).map("".join),
    st.text("/.%25CcEe9A;a*", max_size=10).map(lambda text: "/" + text),
)
_VALUES = st.lists(_mostly(["a", "", "orders:read"], ["x\n"]), max_size=3)


def _or_junk(good: Documents) -> Documents:
    """`good` nearly always."""
    return st.integers(0, 99).flatmap(lambda dice: JUNK if dice == _RAREST else good)


def _object(required: dict[str, Documents], optional: dict[str, Documents]) -> Documents:
    """An object of these fields, at times with one missing or one too many."""
    whole = st.fixed_dictionaries(
        {name: _or_junk(value) for name, value in required.items()},
        optional={name: _or_junk(value) for name, value in optional.items()},
    )
    without = st.fixed_dictionaries({}, optional={**required, **optional})
    also = st.builds(lambda known, value: {**known, "unknown": value}, whole, JUNK)
    return st.integers(0, 99).flatmap(lambda dice: {33: without, 44: also}.get(dice, whole))


def _list(item: Documents, most: int = 3) -> Documents:
    return st.lists(_or_junk(item), max_size=most)


_SELECTOR = _object(
    {},
    {
        "matchLabels": st.dictionaries(st.sampled_from(["team", "", "a/b"]), _or_junk(st.just("x")), max_size=2),
        "matchExpressions": _list(
            _object(
                {"key": st.just("team"), "operator": _mostly(["In", "NotIn", "Exists", "DoesNotExist"], ["in"])},
                {"values": _VALUES},
            )
        ),
    },
)
_PROVIDER = (
    {
        "type": _mostly(["kubernetes", "hashicorp.vault", "a-b.c"], ["A", "", "a..b", "a.", "oidc\n"]),
        "audience": _mostly(["aegis", "a" * 600, "api://x"], ["", "a" * 601, "a b", "a\n", "ä"]),
    },
    {
        "audiencePerDestination": st.booleans(),
        "config": st.dictionaries(st.sampled_from(["address", ""]), JUNK, max_size=2),
    },
)
_RULE_NEEDS = {"methods": _list(_METHODS), "paths": _list(_PATHS)}
_RULE_MAY = {
    "name": _mostly(["a", "b", "c", "allow_get.id1", "a" * 63], ["", "a" * 64, "-a", "a\n", "rules[0]"]),
    "pathType": _mostly(["Prefix", "Exact"], ["prefix"]),
    "allowEncodedSlash": st.booleans(),
}
_CALLERS = {"identities": _list(_IDENTITIES)}
_CLAIMS = {"claims": st.dictionaries(_mostly(["scope", "a b", "c" * 256], ["", "c" * 257]), _or_junk(_VALUES))}
_OPEN = {"unauthenticated": st.booleans()}
_RULE = st.one_of(
    _object({**_RULE_NEEDS, **_CALLERS}, {**_RULE_MAY, **_CLAIMS}),
    _object({**_RULE_NEEDS, **_OPEN}, _RULE_MAY),
    _object(_RULE_NEEDS, {**_RULE_MAY, **_CALLERS, **_CLAIMS, **_OPEN}),
)

SPECS: dict[str, Documents] = {
    "IdentityProvider": _object(*_PROVIDER),
    "ClusterIdentityProvider": _object(_PROVIDER[0], {**_PROVIDER[1], "namespaceSelector": _SELECTOR}),
    "Identity": _object(
        {"provider": _NAMES}, {"serviceAccountName": _NAMES, "egress": _object({}, {"hosts": _list(_HOSTS)})}
    ),
    "IngressPolicy": _object({}, {"enforcement": _mostly(["Enforce", "DryRun"], ["dryrun"]), "rules": _list(_RULE)}),
}


def documents(kind: str) -> Documents:
    """Objects of `kind` with good metadata."""
    metadata = {"name": "thing"} | ({} if kind.startswith("Cluster") else {"namespace": "shop"})
    head = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}
    return _or_junk(SPECS[kind]).map(lambda spec: {**head, "spec": spec})
