from bench import haproxy_config
from bench.mesh import Mesh

MESH = Mesh(rules=3)


def _lines() -> list[str]:
    return haproxy_config.proxy(MESH, "/some/key.pem", 1001, 1002).splitlines()


def test_each_rule_is_a_line() -> None:
    """It allows the rule's path, methods and caller; what no line allows is denied at the end."""
    allow = [line.strip() for line in _lines() if "http-request allow" in line]
    rest = f"{{ method GET POST }} {{ var(txn.sub) -m str {MESH.subject} }}"
    assert allow == [f"http-request allow if {{ path_beg /p{number}/ }} {rest}" for number in range(3)]
    rules = [line.strip() for line in _lines() if line.strip().startswith("http-request")]
    assert rules[-1] == "http-request deny deny_status 403"


def test_the_token_is_judged_before_any_rule() -> None:
    """Algorithm, issuer, audience, expiry and signature; then the token goes and the caller comes."""
    lines = "\n".join(_lines())
    before = lines[: lines.index("http-request allow")]
    for wanted in (
        "unless { var(txn.alg) -m str RS256 }",
        f"unless {{ var(txn.iss) -m str {MESH.issuer} }}",
        f"unless {{ var(txn.aud) -m str {MESH.audience} }}",
        "unless { var(txn.exp),sub(txn.now) -m int gt 0 }",
        'unless { var(txn.token),jwt_verify(txn.alg,"/some/key.pem") 1 }',
        "del-header authorization",
        "set-header x-aegis-identity %[var(txn.sub)]",
    ):
        assert wanted in before


def test_it_runs_on_one_thread_between_two_ports() -> None:
    """One thread, as it has one core."""
    lines = [line.strip() for line in _lines()]
    assert {"nbthread 1", "bind 127.0.0.1:1001", "server app 127.0.0.1:1002"} <= set(lines)


def test_the_origin_answers_by_itself() -> None:
    """It has no backend: the answer is in its memory."""
    text = haproxy_config.origin(1003, "/some/body")
    assert "bind 127.0.0.1:1003" in text
    assert 'file "/some/body"' in text
    assert "backend" not in text


def test_the_app_gets_the_http_that_it_speaks() -> None:
    """HTTP/2 with prior knowledge, or HTTP/1.1."""
    for h2c in (True, False):
        lines = haproxy_config.proxy(Mesh(h2c=h2c), "/some/key.pem", 1001, 1002).splitlines()
        assert lines[-1].endswith(" proto h2") is h2c
