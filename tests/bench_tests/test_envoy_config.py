import json
from typing import Any

from bench import envoy_config
from bench.mesh import Mesh

MESH = Mesh(rules=3)


def _filters(cached_tokens: int = 0) -> dict[str, Any]:
    listener = envoy_config.bootstrap(MESH, 1001, 1002, cached_tokens)["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return {each["name"].rpartition(".")[2]: each["typed_config"] for each in manager["http_filters"]}


def test_token_then_policy_then_app() -> None:
    """A request passes the filters in their order."""
    assert list(_filters()) == ["jwt_authn", "rbac", "router"]


def test_every_request_needs_a_good_token() -> None:
    """Issuer, audience, expiry and the keys are given; the token does not go on, the caller does."""
    filters = _filters()["jwt_authn"]
    (provider,) = filters["providers"].values()
    assert filters["rules"] == [{"match": {"prefix": "/"}, "requires": {"provider_name": "corp"}}]
    assert (provider["issuer"], provider["audiences"]) == (MESH.issuer, [MESH.audience])
    assert (provider["require_expiration"], provider["forward"]) == (True, False)
    assert json.loads(provider["local_jwks"]["inline_string"])["keys"] == [MESH.key.jwk()]
    assert provider["claim_to_headers"] == [{"header_name": "x-aegis-identity", "claim_name": "sub"}]


def test_each_rule_is_a_policy() -> None:
    """It allows one path by GET or POST to one caller, and nothing else is allowed."""
    rules = _filters()["rbac"]["rules"]
    assert rules["action"] == "ALLOW"
    assert len(rules["policies"]) == 3
    policy = rules["policies"]["r00002"]
    assert '"prefix": "/p2/"' in json.dumps(policy["permissions"])
    assert f'"exact": "{MESH.subject}"' in json.dumps(policy["principals"])


def test_the_cache_is_off_unless_asked_for() -> None:
    """As it is in Envoy itself."""
    assert "jwt_cache_config" not in _filters()["jwt_authn"]["providers"]["corp"]
    assert _filters(7)["jwt_authn"]["providers"]["corp"]["jwt_cache_config"] == {"jwt_cache_size": 7}


def test_the_app_gets_the_http_that_it_speaks() -> None:
    """HTTP/2 with prior knowledge, or HTTP/1.1."""
    for h2c in (True, False):
        (cluster,) = envoy_config.bootstrap(Mesh(h2c=h2c), 1001, 1002)["static_resources"]["clusters"]
        assert ("http2_protocol_options" in json.dumps(cluster)) is h2c
