import pytest

from bench.machine import CpuTime, read_cpu_model, read_cpu_time, read_memory, share_out

STAT = "42 (a (b) c) S 1 42 42 0 -1 4194560 5151 0 3 0 150 250 9 9 20 0 3 0 1234 10000 500 18446744073709551615"
STATUS = "Name:\taegis-proxy\nVmHWM:\t   51200 kB\nVmRSS:\t   46080 kB\n"


def test_cpu_time_is_utime_and_stime_in_seconds() -> None:
    """The name of the process may hold blanks and parentheses, which are no fields."""
    assert read_cpu_time(STAT, 100) == CpuTime(1.5, 2.5)


def test_cpu_time_is_a_difference_of_two_readings() -> None:
    """User and system time are kept apart, and add up."""
    spent = CpuTime(3.0, 5.0).since(CpuTime(1.0, 2.0))
    assert (spent, spent.total) == (CpuTime(2.0, 3.0), 5.0)


def test_memory_is_in_mib() -> None:
    """The kernel counts in KiB."""
    assert (read_memory(STATUS, "VmRSS"), read_memory(STATUS, "VmHWM")) == (45.0, 50.0)


def test_memory_of_a_process_that_has_ended() -> None:
    """A zombie has a status file without sizes."""
    with pytest.raises(ValueError, match="no VmRSS"):
        read_memory("Name:\taegis-proxy\n", "VmRSS")


def test_proxy_and_load_do_not_share_a_core() -> None:
    """The proxy has one core for itself, the load all others."""
    cores = share_out({0, 1, 5})
    assert (cores.proxy, cores.load, cores.apart) == (frozenset({5}), frozenset({0, 1}), True)
    assert str(cores) == "proxies on core 5, load generator and origin on 0,1"


def test_a_single_core_is_shared_and_said() -> None:
    """With one core nothing can be kept apart, which a reader of the figures must know."""
    cores = share_out({3})
    assert (cores.proxy, cores.load, cores.apart) == (frozenset({3}), frozenset({3}), False)
    assert "only one core" in str(cores)


def test_cpu_model() -> None:
    """The first processor's name stands for all; where the kernel names none, its architecture does."""
    assert read_cpu_model("processor\t: 0\nmodel name\t: Some CPU 9\nprocessor\t: 1\n") == "Some CPU 9"
    assert read_cpu_model("processor\t: 0\n")
