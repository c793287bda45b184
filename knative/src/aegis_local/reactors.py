"""The reactor, as the parts of this package see it. It is handed to them; only commands ask for the installed one."""

from typing import cast

from twisted.internet import interfaces
from zope.interface import Interface


class Reactor(
    interfaces.IReactorCore,
    interfaces.IReactorTime,
    interfaces.IReactorProcess,
    interfaces.IReactorTCP,
    interfaces.IReactorSSL,
    interfaces.IReactorThreads,
    Interface,
):
    """Twisted's usual reactor on a Unix."""


def installed() -> Reactor:
    """The one reactor of this process; importing it installs it."""
    from twisted.internet import reactor  # the import has the side effect that this function is about

    return cast(Reactor, reactor)
