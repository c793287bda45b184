"""What is said about list and watch of one object: events in the past tense, actions in the imperative."""

from collections.abc import Mapping

from attrs import field, frozen

Document = Mapping[str, object]


@frozen
class Target:
    """One object. `namespace` is empty for kinds of cluster scope."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


# What happened.


@frozen
class Started:
    pass


@frozen
class Listed:
    """A list was answered with 200 and this JSON value."""

    document: object = field(repr=False)


@frozen
class Opened:
    """A watch was answered with 200; its lines follow."""


@frozen
class LineCame:
    line: bytes = field(repr=False)


@frozen
class Ended:
    """The server ended the watch in good order."""


@frozen
class Broke:
    """No answer, or an answer cut short."""

    reason: str


@frozen
class Expired:
    """The watch outlived its deadline in silence: the server or the way to it may be gone."""


@frozen
class Answered:
    """A list or watch was answered with another status than 200. `retry_after` is in seconds."""

    status: int
    retry_after: float | None = None


@frozen
class Woke:
    """The wait is over."""


Event = Started | Listed | Opened | LineCame | Ended | Broke | Expired | Answered | Woke


# What to do.


@frozen
class List:
    pass


@frozen
class Watch:
    """`timeout` is `timeoutSeconds`; the client's own deadline lies a little later."""

    resource_version: str
    timeout: int


@frozen
class Wait:
    seconds: float


@frozen
class Drop:
    """Close the open watch and hear nothing more of it."""


@frozen
class RereadToken:
    pass


@frozen
class Apply:
    """The object as it is now; None: it does not exist."""

    document: Document | None = field(repr=False)


@frozen
class Refuse:
    """The API server will not say: 403 (no right to read it) or 404 (no such kind)."""

    status: int


@frozen
class Note:
    """A sentence for the log."""

    message: str


Action = List | Watch | Wait | Drop | RereadToken | Apply | Refuse | Note
