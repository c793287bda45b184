import pytest

from bench.cli import quicker, read_arguments
from bench.load import ClosedLoop
from bench.workloads import WORKLOADS


def test_what_is_measured_when_nothing_is_said() -> None:
    """The workload with the bars, in five rounds."""
    asked = read_arguments([])
    assert (asked.workload, asked.rounds, asked.quick) == ([WORKLOADS[0].name], 5, False)
    assert WORKLOADS[0].bars


def test_several_workloads() -> None:
    """Each is named, or all are meant."""
    assert read_arguments(["--workload", "down", "--workload", "up"]).workload == ["down", "up"]
    assert read_arguments(["--workload", "all"]).workload == ["all"]


def test_a_glance() -> None:
    """Fewer rounds, unless their number is given, and shorter loads."""
    assert read_arguments(["--quick"]).rounds == 2
    assert read_arguments(["--quick", "--rounds", "7"]).rounds == 7
    for workload in WORKLOADS:
        if isinstance(workload.load, ClosedLoop):
            shorter = quicker(workload).load
            assert isinstance(shorter, ClosedLoop)
            assert 1 <= shorter.seconds <= max(1, workload.load.seconds / 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rounds", "0"], "got 0, wanted 1 or more"),
        (["--rounds", "many"], "invalid int value: 'many'"),
        (["--workload", "none"], "invalid choice: 'none'"),
    ],
)
def test_bad_arguments(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused before anything is started."""
    with pytest.raises(SystemExit):
        read_arguments(arguments)
    assert told in capsys.readouterr().err
