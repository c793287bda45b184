"""What a plan can ask for."""

from typing import Literal

from attrs import field, frozen

from aegis_reconcile.objects import Key, Object


@frozen
class WriteStatus:
    """Write the whole status, if the object is still the one that was read."""

    key: Key
    resource_version: str
    status: Object = field(hash=False)


@frozen
class MergeMetadata:
    """Change finalizers or annotations, if the object is still the one that was read."""

    key: Key
    metadata: Object = field(hash=False)


@frozen
class Create:
    """Make an object that is not there."""

    key: Key
    body: Object = field(hash=False)


@frozen
class Apply:
    """Make or change an object that is this function's own."""

    key: Key
    body: Object = field(hash=False)


@frozen
class Delete:
    key: Key
    uid: str


@frozen
class Announce:
    """Tell the readers of `kubectl describe` (a Kubernetes Event about the object).

    The same `occasion` of the same object is told once.
    """

    key: Key
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    occasion: str


Action = WriteStatus | MergeMetadata | Create | Apply | Delete | Announce
