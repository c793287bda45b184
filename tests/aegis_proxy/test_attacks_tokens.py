"""Section 3 of the attack catalogue through the real command: what a wrong token comes to, on a real socket.

Each row is tested finely beside the code that refuses it (core/test_jws.py, core/test_tokens.py, core/test_jwk.py);
here one of each kind goes all the way, and nobody else is asked anything because of it.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.mesh import CANARY, LAST, Mesh, request
from support.proxy_process import signed, token
from support.recording_origin import RecordingOrigin
from support.tokens import b64, claims, mint, sealed, signing_key

FED = [pytest.param(False, id="whole"), pytest.param(True, id="one-by-one")]
KEY, OTHER = signing_key(), signing_key("ES256", "k1", 7)
GOOD = token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(b".")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RecordingOrigin]:
    """Where tokens want their keys fetched from."""
    with RecordingOrigin() as origin:
        yield origin


def now() -> dict[str, object]:
    moment = int(time.time())
    return claims(iat=moment, nbf=moment, exp=moment + 3600)


def with_header(**members: object) -> bytes:
    return mint(KEY, now(), members)


def with_text(text: bytes) -> bytes:
    """A payload of exactly this JSON, with a good signature."""
    return sealed(HEADER, b64(text), KEY)


def public_pem() -> bytes:
    pem: bytes = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def symmetric() -> bytes:
    header = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "k1"}).encode())
    whole = header + b"." + PAYLOAD
    return whole + b"." + b64(hmac.new(public_pem(), whole, hashlib.sha256).digest())


def offering(member: str, port: int) -> bytes:
    """Signed with a key of its own, which its header offers."""
    offered = {"jwk": OTHER.jwk(), "jku": f"http://127.0.0.1:{port}/keys", "x5u": f"http://127.0.0.1:{port}/chain"}
    return mint(OTHER, now(), {member: offered[member]})


NOW = now()
TEXT = json.dumps(NOW).encode()
WRONG = {
    "J01": with_header(alg="none"),
    "J01-unsigned": b64(b'{"alg":"none"}') + b"." + PAYLOAD + b".",
    "J02": symmetric(),
    "J03": with_header(alg="RS256"),
    "J04": with_header(alg="es256"),
    "J06": with_header(kid="../../../../dev/null"),
    "J06-type": with_header(kid=["k1"]),
    "J08": with_header(kid="unknown"),
    "J12": HEADER + b"." + PAYLOAD + b"." + b64(bytes(64)),
    "J14-padding": GOOD + b"==",
    "J14-alphabet": HEADER + b"." + PAYLOAD + b"." + SIGNATURE[:-2] + b"+/",
    "J15-dot": GOOD + b".",
    "J15-json": b'{"payload":"' + PAYLOAD + b'"}',
    "J16": b".".join([HEADER, PAYLOAD, PAYLOAD, PAYLOAD, SIGNATURE]),
    "J17": HEADER + b".." + SIGNATURE,
    "J18": with_header(crit=["exp"]),
    "J19": with_header(typ="logout+jwt"),
    "J20": with_text(TEXT[:-1] + b',"exp":9999999999}'),
    "J21": with_text(b"\xef\xbb\xbf" + TEXT),
    "J22": with_text(TEXT[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}"),
    "J23": b"A" * 60_000,
    "J24": signed(KEY, exp=int(time.time()) - 100),
    "J24-far": with_text(TEXT.replace(str(NOW["exp"]).encode(), b"9" * 400)),
    "J25": signed(KEY, nbf=int(time.time()) + 1000),
    "J27": signed(KEY, iss="https://issuer.example/"),
    "J28": signed(KEY, aud=["AEGIS", "aegis "]),
    "J29": signed(KEY, sub={"name": "x"}),
    "J32": signed(OTHER),
    "J35": signed(KEY, aud="https://kubernetes.default.svc"),
    "J39": signed(KEY, cnf={"jkt": "x"}),
    "J41": HEADER + b"." + PAYLOAD + b"." + OTHER.sign(HEADER + b"." + PAYLOAD).hex().encode(),
}


@pytest.mark.parametrize("one_by_one", FED)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_token_is_a_401_and_nothing_else(mesh: Mesh, wrong: bytes, one_by_one: bool) -> None:
    """O1-O5: the app sees the requests around it, which have the same caller's good token, and not this one."""
    asked = request(b"/public", b"Authorization: Bearer " + wrong, auth=False)
    answers = mesh.ask(CANARY + asked + LAST, one_by_one=one_by_one and len(wrong) < 20_000)
    assert [answer.status for answer in answers] == [200, 401, 200]
    challenge = b'Bearer realm="aegis", error="invalid_token"'
    assert answers[1].value(b"www-authenticate") == challenge
    assert mesh.origin.targets == [b"/public/canary", b"/public/last"]


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u"])
def test_j05_keys_that_a_token_offers_are_fetched_by_nobody(
    mesh: Mesh, elsewhere: RecordingOrigin, member: str
) -> None:
    """And good for nothing, whether they come along or have to be fetched."""
    for _ in range(3):
        asked = request(b"/public", b"Authorization: Bearer " + offering(member, elsewhere.port), auth=False)
        assert [answer.status for answer in mesh.ask(asked + LAST)] == [401, 200]
    assert elsewhere.connections == []


def test_j40_j45_names_that_look_alike_are_others(mesh: Mesh) -> None:
    """A good token of another namespace, or of a name that only looks like it, is a 403 or no subject at all."""
    names = {"bank:identity01": 403, "shop:identity-01": 403, "shop:Identity01": 401, "shop:ïdentity01": 401}
    for name, status in names.items():
        credentials = b"Authorization: Bearer " + token(sub=f"system:serviceaccount:{name}")
        (answer,) = mesh.ask(request(b"/public", credentials, b"Connection: close", auth=False))
        assert (name, answer.status) == (name, status)
    assert mesh.origin.targets == []


def test_j38_a_token_expires_between_two_requests(mesh: Mesh) -> None:
    """On one connection, and although it was remembered as good: 30 s of skew, and not one more."""
    moment = int(time.time())
    short = b"Authorization: Bearer " + token(iat=moment - 100, nbf=moment - 100, exp=moment - 25)
    with mesh.client() as client:
        assert client.send(request(b"/public", short, auth=False)).answer().status == 200
        while (status := client.send(request(b"/public", short, auth=False)).answer().status) == 200:
            time.sleep(0.05)
        assert status == 401
        assert client.send(request()).answer().status == 200
