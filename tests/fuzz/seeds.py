"""What each fuzz target starts from: good input, and some that is nearly good."""

import json
from collections.abc import Mapping, Sequence

from aegis_proxy.core.h2_frames import PREFACE, frame, settings
from aegis_proxy.core.hpack_encoder import Encoder
from mutation.messages import REQUESTS, RESPONSES
from support.tokens import claims, mint, signing_key

_FIELDS = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"a"),
    (b":path", b"/public"),
    (b"te", b"trailers"),
]
_POLICY = """apiVersion: aegis.aegisproxy.io/v1
kind: IngressPolicy
metadata: {name: orders, namespace: shop}
spec: {rules: [{methods: [GET], paths: [/a%2Fb], identities: ["*"], allowEncodedSlash: true, claims: {scope: [x]}}]}
"""
_IDENTITY = """apiVersion: aegis.aegisproxy.io/v1
kind: Identity
metadata: {name: a}
spec: {provider: corp, egress: {hosts: ["*.svc"]}}
"""
_OBJECT = {
    "apiVersion": "aegis.aegisproxy.io/v1",
    "kind": "IngressPolicy",
    "metadata": {"name": "orders", "namespace": "shop", "resourceVersion": "7", "uid": "u"},
    "spec": {"rules": []},
}
_LIST = {"apiVersion": "aegis.aegisproxy.io/v1", "kind": "IngressPolicyList", "metadata": {"resourceVersion": "7"}}


def _json(*lines: object) -> bytes:
    return "\n".join(json.dumps(line) for line in lines).encode() + b"\n"


def _watched(kind: str, resource: object) -> dict[str, object]:
    return {"type": kind, "object": resource}


_EXPIRED = {"kind": "Status", "apiVersion": "v1", "code": 410, "metadata": {}}
_ANNOTATIONS = (
    "ingress=true\ningress.port=80,81\ningress.policy=orders\negress=true\nidentity=a\nexclude.cidrs=10.0.0.0/8"
)

SEEDS: Mapping[str, Sequence[bytes]] = {
    "request-head": REQUESTS,
    "response-head": RESPONSES,
    "chunked": (
        b"5\r\nhello\r\n0\r\n\r\n", b'3;a=b;c="d\\"e"\r\nabc\r\n0\r\nX: y\r\n\r\nGET', b"a\r\n0123456789\r\n0\r\n\r\n",
    ),
    "target": (b"public/a", b"a/../b;c=d/%41", b"group%2Fproject", b"caf%C3%A9/%2e%2e/x", b"%252e", b"%c0%ae"),
    "jws": (mint(), mint(signing_key("ES256", "k2", 1)), mint(payload=claims(aud=["a", "b"])), b"a.b.c"),
    "key-set": (
        _json({"keys": [signing_key(algorithm).jwk() for algorithm in ("ES256", "EdDSA", "RS256")]}),
        _json({"keys": [signing_key().jwk(kid=None), {"kty": "oct", "k": "AA"}]}),
    ),
    "hpack": (
        Encoder().encode(_FIELDS),
        b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        b"\x3f\xe1\x1f",
    ),
    "h2-frames": (
        PREFACE + settings([(1, 4096), (4, 65535)]) + frame(1, 5, 1, Encoder().encode(_FIELDS)),
        PREFACE + settings([]) + frame(1, 4, 1, Encoder().encode(_FIELDS)) + frame(0, 1, 1, b"hello"),
        PREFACE + settings([]) + frame(1, 4, 1, Encoder().encode(_FIELDS)) + frame(3, 0, 1, b"\0\0\0\x08"),
        PREFACE + settings([]) + frame(6, 0, 0, b"12345678") + frame(8, 0, 0, b"\0\0\1\0") + frame(7, 0, 0, b"\0" * 8),
    ),
    "sniff": (
        REQUESTS[0], PREFACE, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-x\r\n", b"CONNECT a:1",
    ),
    "resources": (_POLICY.encode(), _IDENTITY.encode(), f"{_POLICY}---\n{_IDENTITY}".encode(), b"a: 2030-99-99"),
    "annotations": (_ANNOTATIONS.encode(), b"ingress=true\nredirect=none\nproxy.cpu=1\nlog.level=debug", b"egress=yes"),
    "listing": (
        _json({**_LIST, "items": [_OBJECT]}, _watched("MODIFIED", _OBJECT), _watched("BOOKMARK", _OBJECT)),
        _json({**_LIST, "items": []}, _watched("ADDED", _OBJECT), _watched("DELETED", _OBJECT)),
        _json({**_LIST, "items": []}, _watched("ERROR", _EXPIRED)),
    ),
}  # fmt: skip
