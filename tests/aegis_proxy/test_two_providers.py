"""A proxy that accepts two providers: each token is judged by the one whose issuer it names, and by no other."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.mesh import RULES, Mesh, request
from support.proxy_process import ProxyProcess, Resource, policy, resource, signed
from support.recording_origin import RecordingOrigin
from support.tokens import SigningKey, signing_key
from support.waiting import eventually

OLD, NEW = "https://old.example", "https://new.example"
# Both call their key by the same name, as providers that count do.
OLD_KEY, NEW_KEY = signing_key(kid="1"), signing_key(kid="1", number=1)


def keys_of(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.jwk() for key in keys]}


def idp(name: str, issuer: str, key: SigningKey, audience: str = "aegis", **config: object) -> Resource:
    settings = {"issuer": issuer, "jwks": keys_of(key), **config}
    return resource("IdentityProvider", name, type="oidc", audience=audience, config=settings)


POLICY = policy(*RULES)
BOTH = (POLICY, idp("old", OLD, OLD_KEY, "old-mesh"), idp("new", NEW, NEW_KEY))


def old_token(**changes: object) -> bytes:
    return signed(OLD_KEY, **{"iss": OLD, "aud": "old-mesh", **changes})


def new_token(**changes: object) -> bytes:
    return signed(NEW_KEY, **{"iss": NEW, **changes})


def flags(origin: RecordingOrigin, providers: str = "old,new") -> list[str]:
    return [f"--provider={providers}", "--policy=orders", f"--ingress-upstream=127.0.0.1:{origin.port}", "--access-log"]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with (
        RecordingOrigin() as origin,
        ProxyProcess(tmp_path_factory.mktemp("proxy"), BOTH, *flags(origin)) as proxy,
    ):
        yield Mesh(proxy, origin)


def status(mesh: Mesh, token: bytes, path: bytes = b"/public") -> int:
    (answer,) = mesh.ask(request(path, b"Authorization: Bearer " + token, b"Connection: close", auth=False))
    return answer.status


def test_tokens_of_both_are_the_same_caller(mesh: Mesh) -> None:
    """The policy names an identity, and neither provider: it holds whichever vouches for it."""
    assert [status(mesh, token) for token in (old_token(), new_token())] == [200, 200]
    assert [status(mesh, token, b"/admin") for token in (old_token(), new_token())] == [403, 403]
    text = mesh.proxy.metrics()
    for name in ("old", "new"):
        assert f'decision="allow",reason="",provider="{name}",policy="orders"' in text
        assert f'aegis_provider_keys{{provider="{name}"}} 1' in text
    eventually(lambda: {line["provider"] for line in mesh.proxy.of("access")} == {"old", "new"})
    assert {line["identity"] for line in mesh.proxy.of("access")} == {"system:serviceaccount:shop:identity01"}


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: signed(OLD_KEY, iss=NEW), id="J32-signed-by-old-named-new"),
        pytest.param(lambda: signed(NEW_KEY, iss=OLD, aud="old-mesh"), id="J32-signed-by-new-named-old"),
        pytest.param(lambda: signed(signing_key(kid="1", number=2), iss=NEW), id="J33-a-stranger-with-their-kid"),
        pytest.param(lambda: old_token(aud="aegis"), id="J35-old-with-the-audience-of-new"),
        pytest.param(lambda: new_token(aud="old-mesh"), id="J35-new-with-the-audience-of-old"),
        pytest.param(lambda: new_token(iss=NEW + "/"), id="J32-almost-new"),
        pytest.param(lambda: new_token(iss=[OLD, NEW]), id="J32-both-at-once"),
    ],
)
def test_a_token_of_the_one_is_no_token_of_the_other(mesh: Mesh, forged: Callable[[], bytes]) -> None:
    """401, however much of it is good at the other one, and the app hears nothing."""
    before = len(mesh.origin.requests)
    assert status(mesh, forged()) == 401
    assert len(mesh.origin.requests) == before


@pytest.mark.attack("J32")
def test_two_of_one_issuer_are_both_not_believed(tmp_path: Path) -> None:
    """Else keys of the one would do for the other. It is said, and a third one is served."""
    twin = idp("twin", OLD, NEW_KEY)
    with (
        RecordingOrigin() as origin,
        ProxyProcess(tmp_path, (*BOTH, twin), *flags(origin, "old,twin,new")) as proxy,
    ):
        mesh = Mesh(proxy, origin)
        assert status(mesh, old_token()) == 503
        assert status(mesh, signed(NEW_KEY, iss=OLD)) == 503
        assert status(mesh, new_token()) == 200
        assert "have the same issuer https://old.example" in json.loads(proxy.admin("/snapshot").body)["untrusted"]
        assert 'aegis_provider_keys{provider="twin"} 0' in proxy.metrics()
        proxy.apply(*BOTH, idp("twin", "https://twin.example", NEW_KEY))
        eventually(lambda: status(mesh, old_token()) == 200)


def test_one_that_cannot_be_reached_leaves_the_other(tmp_path: Path) -> None:
    """503 for its callers, and no 401: nobody knows them. The pod is ready; once there are keys they are served."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        lost = idp("new", NEW, NEW_KEY, jwksUri=f"http://127.0.0.1:{closed.getsockname()[1]}/jwks")
        del lost["spec"]["config"]["jwks"]
        with (
            RecordingOrigin() as origin,
            ProxyProcess(tmp_path, (POLICY, BOTH[1], lost), *flags(origin)) as proxy,
        ):
            mesh = Mesh(proxy, origin)
            assert [status(mesh, token) for token in (old_token(), new_token())] == [200, 503]
            assert [status(mesh, token) for token in (signed(OLD_KEY, iss=NEW), signed(NEW_KEY, iss=OLD))] == [503, 401]
            shown = json.loads(proxy.admin("/snapshot").body)
            assert "the provider new is not trusted yet" in shown["untrusted"]
            assert shown["keys_problem"].startswith("new: ")
            proxy.apply(*BOTH)
            eventually(lambda: status(mesh, new_token()) == 200)
            assert status(mesh, signed(OLD_KEY, iss=NEW)) == 401


def test_who_is_no_longer_accepted_is_a_stranger(tmp_path: Path) -> None:
    """The end of a move: the list holds the new one alone."""
    with RecordingOrigin() as origin, ProxyProcess(tmp_path, BOTH, *flags(origin, "new")) as proxy:
        mesh = Mesh(proxy, origin)
        assert [status(mesh, token) for token in (old_token(), new_token())] == [401, 200]


@pytest.mark.attack("J09")
def test_each_rotates_its_keys_alone(tmp_path: Path) -> None:
    """A key that the one withdrew is good no more; the other's callers do not notice."""
    with RecordingOrigin() as origin, ProxyProcess(tmp_path, BOTH, *flags(origin)) as proxy:
        mesh = Mesh(proxy, origin)
        assert [status(mesh, token) for token in (old_token(), new_token())] == [200, 200]
        proxy.apply(POLICY, BOTH[1], idp("new", NEW, signing_key(kid="1", number=2)))
        eventually(lambda: status(mesh, new_token()) == 401)
        assert status(mesh, signed(signing_key(kid="1", number=2), iss=NEW)) == 200
        assert status(mesh, old_token()) == 200
