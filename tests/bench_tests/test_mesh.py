from bench.mesh import Mesh, ask, trials
from servers.processes import free_port
from support.tokens import signing_key


def test_the_middle_rule_matches() -> None:
    """Neither the first nor the last: the price of a list of rules is that of its middle."""
    mesh = Mesh(rules=10)
    assert len(mesh.prefixes) == 10
    assert mesh.path.startswith(f"{mesh.prefixes[5]}/")


def test_fresh_tokens_differ() -> None:
    """Each is a token of the same caller that no cache has seen."""
    tokens = Mesh().tokens(5)
    assert len(set(tokens)) == 5
    assert {len(token.split(".")) for token in tokens} == {3}


def test_the_mesh_signs_with_its_algorithm() -> None:
    """A mesh of ES256 has a key of that kind."""
    assert Mesh(algorithm="ES256").key == signing_key("ES256")


def test_every_check_is_tried() -> None:
    """A good request passes, and each other differs in one thing only and is to be refused."""
    mesh = Mesh()
    good, *bad = trials(mesh)
    assert good.wanted == {200}
    assert all(trial.wanted <= {401, 403} for trial in bad)
    asked = [(trial.authorization, trial.path, trial.method) for trial in (good, *bad)]
    assert len(set(asked)) == len(asked)


def test_nobody_answers() -> None:
    """A port on which nobody listens gives no answer, and no error."""
    assert ask(free_port(), "/") is None
