from pathlib import Path

from aegis_api.policy import IngressPolicy
from aegis_api.resources import parse_resource
from bench.mesh import Mesh
from bench.peers import Aegis, Envoy, HAProxy, aegis_resources, first_line


def test_aegis_takes_its_resources() -> None:
    """Many rules become several policies, each within the limit of one, and none is lost."""
    resources = [parse_resource(each, "shop") for each in aegis_resources(Mesh(rules=600))]
    policies = [each for each in resources if isinstance(each, IngressPolicy)]
    paths = [path for policy in policies for rule in policy.rules for path in rule.paths]
    assert len(policies) == 3
    assert paths == [prefix.encode() for prefix in Mesh(rules=600).prefixes]


def test_all_policies_are_enforced(tmp_path: Path) -> None:
    """The command names each policy that was written."""
    command = Aegis().prepare(tmp_path, Mesh(rules=600), 1).command
    assert command[command.index("--policy") + 1] == "policy0,policy1,policy2"


def test_no_token_is_in_a_command(tmp_path: Path) -> None:
    """Commands are seen by everybody on the machine."""
    for peer in (Aegis(), HAProxy(), Envoy()):
        launch = peer.prepare(tmp_path, Mesh(), 1)
        assert "eyJ" not in " ".join(map(str, launch.command))


def test_peers_are_ready_with_their_first_answer(tmp_path: Path) -> None:
    """They have no readiness of their own kind: a good request must come through. Ours says it on its admin port."""
    for peer in (HAProxy(), Envoy()):
        launch = peer.prepare(tmp_path, Mesh(), 1)
        assert launch.ready[:2] == (launch.port, Mesh().path)
    ours = Aegis().prepare(tmp_path, Mesh(), 1)
    assert ours.ready[0] != ours.port
    assert ours.ready[1:] == ("/ready", None)


def test_nobody_listens_yet(tmp_path: Path) -> None:
    """Before it was started a contender is not ready."""
    assert not HAProxy().prepare(tmp_path, Mesh(), 1).is_ready()


def test_a_program_that_is_not_there_has_no_version() -> None:
    """It is said in words, where a version would stand."""
    assert first_line(None, "-v") == "not installed"
