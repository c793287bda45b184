"""What the mesh itself wrote into the status of an object."""

from collections.abc import Mapping

from aegis_api.reading import Node


def text_of(status: Node | None, name: str) -> str:
    """The text `name` in a status, empty where there is none."""
    found = status.value.get(name) if status is not None and isinstance(status.value, Mapping) else None
    return found if isinstance(found, str) else ""


def texts(status: Node | None, name: str) -> Mapping[str, str]:
    """The texts of the object `name` in a status.

    What is odd counts as absent: no author of a document could mend it, and the next write of the mesh does.
    """
    found = status.value.get(name) if status is not None and isinstance(status.value, Mapping) else None
    entries = found.items() if isinstance(found, Mapping) else ()
    return {key: value for key, value in entries if isinstance(key, str) and isinstance(value, str)}
