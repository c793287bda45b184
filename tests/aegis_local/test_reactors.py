"""The reactor."""

from aegis_local.reactors import installed


def test_the_installed_reactor_is_the_one_of_this_process() -> None:
    """Asking twice gives the same."""
    from twisted.internet import reactor

    assert id(installed()) == id(reactor)
