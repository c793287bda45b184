import pytest

from bench.mesh import Mesh
from bench.stack import heads, least, stack

REFUSED = "not authorised: b'HTTP/1.1 401"


def test_a_request_passes_through_all_of_the_proxy() -> None:
    """What is measured is a whole exchange: judged, passed on, answered."""
    mesh = Mesh()
    exchange = stack(mesh)
    for head in heads(mesh, [mesh.token(jti="1"), mesh.token(jti="2")], f"{mesh.path}/{{}}"):
        assert exchange(head).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_request_passes_out_with_the_token() -> None:
    """What is measured of the way out is a whole exchange, too."""
    mesh = Mesh(outbound=True)
    exchange = stack(mesh)
    for head in heads(mesh, ["", ""], f"{mesh.path}/{{}}"):
        assert b"Authorization" not in head
        assert exchange(head).startswith(b"HTTP/1.1 200 OK\r\n")


def test_what_is_refused_has_no_price() -> None:
    """A refusal costs less, so its figure would say nothing."""
    mesh = Mesh()
    with pytest.raises(SystemExit, match=REFUSED):
        least(mesh, heads(mesh, [mesh.token(aud="other")]))
