from typing import Any

import pytest
from attrs import evolve

from aegis_api.metadata import Metadata
from aegis_api.policy import Enforcement, IdentityPattern, IngressPolicy, Rule
from aegis_proxy.core.fields import ingress_role
from aegis_proxy.core.ingress import judge
from aegis_proxy.core.request import Request
from aegis_proxy.core.request_reader import RequestReader
from aegis_proxy.core.rules import compile_rules
from aegis_proxy.core.snapshot import Snapshot
from aegis_proxy.core.standing import Standing
from aegis_proxy.core.token_cache import TokenCache
from support.tokens import NOW, authorities, claims, mint

RULES = (
    Rule("get", frozenset({"GET"}), (b"/",), identities=(IdentityPattern("shop", "identity01"),)),
    Rule("health", frozenset({"GET"}), (b"/healthz",), unauthenticated=True),
)
TOKEN = b"Authorization: Bearer " + mint()


def snapshot(enforcement: Enforcement = Enforcement.ENFORCE, **changes: Any) -> Snapshot:
    rules = compile_rules([IngressPolicy(Metadata("orders", "shop"), enforcement, RULES)], missing=False)
    return evolve(Snapshot(1, authorities=authorities(), rules=rules), **changes)


KNOWN = snapshot()
NOTHING_ALLOWED = compile_rules([IngressPolicy(Metadata("orders", "shop"), Enforcement.DRY_RUN, ())], missing=False)


def again(path: bytes = b"/x", *lines: bytes) -> Request:
    """A request as it is given from its third coming on."""
    reader = RequestReader(ingress_role, canonical=True)
    head = b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: a", *lines, b"", b""])
    taken = [reader.take(head) for _ in range(3)][-1]
    assert taken is not None
    assert taken[0].again
    return taken[0]


def kept(request: Request, known: Snapshot = KNOWN) -> Standing[str]:
    standing: Standing[str] = Standing()
    standing.keep(judge(request, known, TokenCache(), NOW), known, "made")
    return standing


def test_a_permit_stands() -> None:
    """For the very same request, by the very same snapshot."""
    request = again(b"/x", TOKEN)
    assert kept(request).find(request, KNOWN, NOW) == "made"


def test_a_permit_stands_for_no_other_request() -> None:
    """Not even for one that reads the same: it may have come otherwise."""
    assert kept(again(b"/x", TOKEN)).find(again(b"/x", TOKEN), KNOWN, NOW) is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the same again"),
        pytest.param({"authorities": {}}, id="no keys"),
        pytest.param({"closed": "nothing synced"}, id="closed"),
        pytest.param({"rules": compile_rules((), missing=True)}, id="no rules"),
    ],
)
def test_k14_a_permit_falls_with_its_snapshot(changes: dict[str, Any]) -> None:
    """Whatever another one holds, it is judged anew; and what it permits stands in place of what stood before."""
    request, other = again(b"/x", TOKEN), snapshot(**changes)
    standing = kept(request)
    assert standing.find(request, other, NOW) is None
    fresh = snapshot()
    standing.keep(judge(request, fresh, TokenCache(), NOW), fresh, "anew")
    assert standing.find(request, KNOWN, NOW) is None
    assert standing.find(request, fresh, NOW) == "anew"


def test_j26_a_permit_falls_with_its_token() -> None:
    """At the moment at which the token itself would be refused, and where the clock went back before it was good."""
    request = again(b"/x", b"Authorization: Bearer " + mint(payload=claims(exp=int(NOW) + 60)))
    standing = kept(request)
    assert standing.find(request, KNOWN, NOW + 89.9) == "made"
    assert standing.find(request, KNOWN, NOW + 90) is None
    assert standing.find(request, KNOWN, NOW - 30) == "made"
    assert standing.find(request, KNOWN, NOW - 30.1) is None


@pytest.mark.parametrize(
    ("request_", "known"),
    [
        pytest.param(again(b"/healthz"), KNOWN, id="without a token"),
        pytest.param(again(b"/x"), snapshot(Enforcement.DRY_RUN), id="a dry run without a token"),
        pytest.param(again(b"/x", TOKEN), evolve(KNOWN, rules=NOTHING_ALLOWED), id="a dry run"),
        pytest.param(again(b"/x", TOKEN)._replace(again=False), KNOWN, id="a request that does not come again"),
    ],
)
def test_other_permits_are_judged_each_time(request_: Request, known: Snapshot) -> None:
    """A dry run is recorded each time; a token that is not there has no time in which it is good."""
    assert kept(request_, known).find(request_, known, NOW) is None


def test_d08_what_stands_is_bounded() -> None:
    """The oldest go first."""
    requests = [again(b"/%d" % number, TOKEN) for number in range(600)]
    standing: Standing[int] = Standing()
    cache = TokenCache()
    for number, request in enumerate(requests):
        standing.keep(judge(request, KNOWN, cache, NOW), KNOWN, number)
    assert [standing.find(request, KNOWN, NOW) for request in requests] == [None] * 88 + list(range(88, 600))
