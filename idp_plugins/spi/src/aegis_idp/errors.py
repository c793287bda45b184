"""How a plugin says what went wrong. The text is for the operator: what happened, and what to do.

It never holds a token, and of a provider's answer only its error code and description.
"""

# An error here is named by what happened: that is what its catcher asks for.


class ProviderError(Exception):
    """Base of all. A host treats any other exception of a plugin as a defect of the plugin."""


class Unavailable(ProviderError):
    """The provider could not answer (network, 5xx, throttling): the same call may go through later.

    `retry_after` is the provider's own wish in seconds (RFC 9110 section 10.2.3), if it said one.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(Unavailable):
    """The provider answered that it is asked too much (429): a limit or quota is used up for now."""


class Spreading(Unavailable):
    """The provider said no as it does for some time after a change, and for good where somebody must change something.

    The text says what that would be.
    """


class Refused(ProviderError):
    """The provider answered no: somebody must change something there or here before the same call can go through.

    `code` is the provider's own error code, if it gave one.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Misconfigured(ProviderError):
    """Our own side is incomplete: a file that is not mounted, a setting that cannot work."""


class ClaimRefused(ProviderError):
    """A token with a good signature whose claims do not lead to a subject of this provider."""


class ForeignObject(ProviderError):
    """An object of the name we would use bears another owner's mark: it is neither used nor removed."""
