"""The API server as the reconcile function sees it."""

# An error here is named by what its catcher does about it.

from collections.abc import Mapping
from typing import Protocol

from aegis_reconcile.objects import Key, Object, Resource

FIELD_MANAGER = "aegis-reconcile"


class ClusterError(Exception):
    """The API server did not do what was asked. Its text is for the operator, and holds no secret."""


class TryAgain(ClusterError):
    """The same call may go through later. `retry_after` is the server's own wish in seconds, if it said one."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Conflict(TryAgain):
    """The object is not (or no longer) what the caller took it for: read it again and decide anew."""


class Rejected(ClusterError):
    """The API server will refuse this call for as long as nobody changes something."""


class Cluster(Protocol):
    """Reads are fresh. Every method raises ClusterError."""

    def get(self, key: Key) -> Object | None: ...

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] = {}) -> tuple[Object, ...]:
        """The objects of a namespace (empty: of all) that bear all the labels."""

    def create(self, resource: Resource, body: Object) -> Object:
        """Makes an object that is not there. Raises Conflict if it is: unlike `apply`, it never changes another's."""

    def apply(self, resource: Resource, body: Object) -> Object:
        """Server-side apply of all the fields that this function manages. `metadata.resourceVersion` is a condition."""

    def apply_status(self, resource: Resource, body: Object) -> Object:
        """As `apply`, of the status; it never makes an object."""

    def merge_metadata(self, key: Key, metadata: Object) -> Object:
        """A JSON merge patch of metadata; `resourceVersion` in it is a condition. It never makes an object."""

    def delete(self, key: Key, uid: str) -> None:
        """Removes the object of this uid; success if it is gone. Conflict if the name is another object's now."""
