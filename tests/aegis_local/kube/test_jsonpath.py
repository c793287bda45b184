from typing import Any

import pytest

from aegis_local.kube.jsonpath import BadPathError, compiled, values

DOCUMENT = {
    "spec": {"a.b": 1, "list": [{"n": 1}, {"n": 2}], "map": {"x": 1, "y": 2}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "n": 3}]},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".spec.list[0].n", [1]),
        (".spec.list[-1].n", [2]),
        (".spec.list[7].n", []),
        (".spec.list[*].n", [1, 2]),
        (".spec.map[*]", [1, 2]),
        (".spec.map.x[*]", []),
        (r".spec.a\.b", [1]),
        (".spec['a.b']", [1]),
        ("{.spec.map.x}", [1]),
        ("$.spec.map.y", [2]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type!='Ready')].n", [3]),
        (".status.conditions[?(@.n==3)].type", ["Other"]),
        (".missing.x", []),
        (".spec[0]", []),
        (".", [DOCUMENT]),
    ],
)
def test_paths(path: str, expected: list[Any]) -> None:
    """Fields, indexes, wildcards and equality filters."""
    assert values(path, DOCUMENT) == expected


@pytest.mark.parametrize("path", ["spec", ".a..b", ".a[", ".a[?(@.x>1)]", ".a[b]"])
def test_other_paths_are_refused(path: str) -> None:
    """What printer columns cannot use says where it stops."""
    with pytest.raises(BadPathError, match="is not a JSONPath"):
        compiled(path)
