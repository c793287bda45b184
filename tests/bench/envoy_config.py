"""Envoy's configuration: jwt_authn with its keys inline, rbac by path, method and subject, and nothing else."""

import json
from typing import Any

from bench.mesh import METHODS, Mesh

_TYPES = "type.googleapis.com/envoy.extensions.filters"
_MOST = 100_000

Config = dict[str, Any]

_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_H2C: Config = {
    "typed_extension_protocol_options": {
        _OPTIONS: {
            "@type": f"type.googleapis.com/{_OPTIONS}",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
}


def bootstrap(mesh: Mesh, port: int, origin: int, cached_tokens: int = 0) -> Config:
    """A static bootstrap. What costs and is not asked for (request ids, access logs) is off."""
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "mesh",
        "generate_request_id": False,
        "normalize_path": True,
        "merge_slashes": True,
        "route_config": {"virtual_hosts": [_to_app()]},
        "http_filters": [
            _filter("jwt_authn", _authentication(mesh, cached_tokens)),
            _filter("rbac", _authorization(mesh)),
            _filter("router", {"@type": f"{_TYPES}.http.router.v3.Router"}),
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "static_resources": {
            "listeners": [{"name": "mesh", "address": _address(port), "filter_chains": [chain]}],
            "clusters": [_app(origin, h2c=mesh.h2c)],
        }
    }


def _filter(name: str, config: Config) -> Config:
    return {"name": f"envoy.filters.http.{name}", "typed_config": config}


def _to_app() -> Config:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "0s"}}
    return {"name": "app", "domains": ["*"], "routes": [route]}


def _app(origin: int, *, h2c: bool) -> Config:
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(origin)}}]}
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), _MOST)
    return {
        "name": "app",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "app", "endpoints": [endpoint]},
        **(_H2C if h2c else {}),
    }


def _address(port: int) -> Config:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _authentication(mesh: Mesh, cached_tokens: int) -> Config:
    provider: Config = {
        "issuer": mesh.issuer,
        "audiences": [mesh.audience],
        "local_jwks": {"inline_string": json.dumps({"keys": [mesh.key.jwk()]})},
        "require_expiration": True,
        "forward": False,
        "payload_in_metadata": "token",
        "claim_to_headers": [{"header_name": "x-aegis-identity", "claim_name": "sub"}],
    }
    if cached_tokens:
        provider["jwt_cache_config"] = {"jwt_cache_size": cached_tokens}
    return {
        "@type": f"{_TYPES}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"corp": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "corp"}}],
    }


def _authorization(mesh: Mesh) -> Config:
    policies = {f"r{number:05}": _policy(mesh.subject, prefix) for number, prefix in enumerate(mesh.prefixes)}
    return {"@type": f"{_TYPES}.http.rbac.v3.RBAC", "rules": {"action": "ALLOW", "policies": policies}}


def _policy(subject: str, prefix: str) -> Config:
    methods = [{"header": {"name": ":method", "string_match": {"exact": method}}} for method in METHODS]
    path = {"url_path": {"path": {"prefix": f"{prefix}/"}}}
    claim = {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": "token"}, {"key": "sub"}],
        "value": {"string_match": {"exact": subject}},
    }
    return {
        "permissions": [{"and_rules": {"rules": [path, {"or_rules": {"rules": methods}}]}}],
        "principals": [{"sourced_metadata": {"metadata_matcher": claim}}],
    }
